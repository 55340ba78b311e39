"""Exit codes: what a script may rely on."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from stigmergy.actors.journal.room import NO_ROOM
from stigmergy.protocols.errors import BudgetExhausted, Quarantined, StigmergyError, SwarmStopped, UsageError


class Exit(IntEnum):
    """What the command line ends with."""

    DONE = 0
    BUG = 1
    """It failed, and no input explains that: a bug, a full disk, a deadline, an error of a handler."""
    USAGE = 2
    """The input was wrong, before anything was asked; one line on stderr says what, and what to do."""
    BUDGET = 3
    """A budget stopped the swarm; the report is partial."""
    LOOP = 4
    """The loop watchdog stopped the swarm; the report is partial."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM, as shells count the first: 128 and the signal's number."""


BY_REASON: Final = {
    "": Exit.DONE,
    "done": Exit.DONE,
    "usage": Exit.USAGE,
    "budget": Exit.BUDGET,
    "loop": Exit.LOOP,
    "user": Exit.INTERRUPTED,
}
"""By the reason why a run ended; any other is a failure."""

TOLD_FIRST: Final = ("bug", "usage", "user", "budget", "loop", "failure")
"""Of several errors at once, the first in this order is told."""


def code_of(reason: str) -> Exit:
    """The exit code for the reason why a run ended."""
    return BY_REASON.get(reason, Exit.BUG)


def reason_of(error: BaseException) -> str:
    """What an error means for a run: one of `TOLD_FIRST`; ``bug`` is what nobody foresaw."""
    match error:
        case SwarmStopped(reason=reason) if reason in TOLD_FIRST:
            return str(reason)
        case UsageError():
            return "usage"
        case BudgetExhausted():
            return "budget"
        case Quarantined():
            return "loop"
        case KeyboardInterrupt():
            return "user"
        case StigmergyError():
            return "failure"
        case OSError(errno=number) if number in NO_ROOM:
            return "failure"
    return "bug"


def telling(error: BaseException) -> BaseException:
    """The error itself; of a group, the one that explains it best."""
    return min(_single(error), key=lambda one: TOLD_FIRST.index(reason_of(one)))


def _single(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _single(one)
    else:
        yield error
