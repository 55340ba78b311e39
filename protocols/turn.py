"""A turn: one handler run for one message, and the record of what it did.

A `Turn` is what a host hands back when a handler ends. Everything in it becomes visible in one
journal transaction, or nothing does. `Step` is a call made inside a turn whose result is recorded
before it is used, so that a replay gets the recorded result back instead of calling again.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from .envelope import Envelope
from .series import Series

AGAIN: Final = "again"
"""First word of the board's answer to a turn that starts over: ``[AGAIN, after_s, attempt, round]``."""

HELD: Final = "held"
"""First word of the board's answer to a turn that waits for a person."""

BURIED: Final = "buried"
"""First word of the board's answer to a turn whose message is dead-lettered."""

UNDONE: Final = "undone"
"""First word of the board's answer to a turn that ran ahead of one which did not commit."""

Outcome = Literal["done", "failed", "held"]

Effect = Literal["read", "idempotent", "irreversible"]
"""What a tool does outside: nothing; what may be done twice under one key; what may not be done twice."""

DONE: Final = "done"
FAILED: Final = "failed"
"""The step raised; its result is the packed error."""
CANCELLED: Final = "cancelled"
"""The handler gave up waiting for the step; a replay waits until the handler gives up again."""
INTENDED: Final = "intended"
"""A tool is about to have its effect; its result is the `Deed` as plain data."""
WANTED: Final = "wanted"
"""A tool may not run before a person has agreed."""
APPROVED: Final = "approved"
"""A person said that exactly this call shall be made, once."""
REFUSED: Final = "refused"
"""A person said no; its result is the packed error."""
TRIED: Final = "tried"
"""It was done in an earlier attempt, or may have been: it is done again under the same name, which counts once."""

_COUNTS: Final = frozenset({"ask", "act", "tool"})
"""How the keys of steps begin that have an effect outside their turn."""

_NOTHING_DONE: Final = frozenset({"ToolFailed", "ToolRefused", "BudgetExhausted"})
"""Errors of a tool that say so."""


class Step(NamedTuple):
    """A recorded call inside a turn."""

    number: int
    """Position in the turn, from 0."""
    key: str
    """What was called, for example ``ask:librarian:Question@1:`` and a digest of the question.

    A replay must come to the same. It begins with ``ask``, ``act``, ``tool`` for one that changes something, ``read``
    for one that does not, ``model``, ``run``, or the name of a look at the blackboard.
    """
    result: Any
    """The plain result."""
    outcome: str = DONE

    def to_plain(self) -> list[Any]:
        """As a journal keeps it."""
        return list(self if self.outcome != DONE else self[:3])

    @property
    def failed(self) -> bool:
        """Whether a turn that starts over shall try it again."""
        error = isinstance(self.result, list) and len(self.result) > 1 and self.result[1] == "error"
        return self.outcome in {FAILED, CANCELLED} or (self.key.startswith("ask:") and error)

    @property
    def counts(self) -> bool:
        """Whether it has done something outside the turn, or may have: whatever way the turn goes, it comes to this."""
        if self.failed:
            return self.is_open
        nothing_taken = self.outcome == DONE and self.result is None and self.key.startswith("act:claims.take:")
        return self.key.partition(":")[0] in _COUNTS and not nothing_taken

    @property
    def is_open(self) -> bool:
        """Whether it failed and may have had its effect all the same."""
        what = self.key.partition(":")[0]
        if self.outcome == CANCELLED:
            return what in {"act", "tool"}
        return self.outcome == FAILED and what == "tool" and self.result[0] not in _NOTHING_DONE

    @property
    def in_doubt(self) -> bool:
        """Whether only a person can say how the turn goes on."""
        if self.outcome == INTENDED:
            return bool(self.result["effect"] == "irreversible")
        return self.outcome == WANTED


class Write(NamedTuple):
    """A change to the blackboard that takes effect when the turn commits."""

    part: str
    """``topics``, ``facts``, ``claims`` or ``trails``."""
    operation: str
    arguments: dict[str, Any]


class Turn(NamedTuple):
    """The outcome of one handler run, ready to commit."""

    message: str
    """Id of the message that was handled."""
    agent: str
    host: str
    epoch: int
    """Epoch of the host's lease; a lower one than the board's is refused."""
    outcome: Outcome
    sends: tuple[Envelope | Series, ...] = ()
    """Messages, and posts as series."""
    writes: tuple[Write, ...] = ()
    state: bytes | None = None
    """The agent's new state, or None when it did not change."""
    error: tuple[str, list[Any]] | None = None
    """The packed error of a failed turn."""
    trace: str = ""
    """Traceback text of a failed turn, at most 8 KiB."""
    retry: bool = True
    """Whether a failed turn may be tried again."""
    seconds: float = 0.0
    """How long the handler ran."""
    after: str = ""
    """Id of the turn before it, whose commit it did not wait for and without which it must not commit."""
    acted: tuple[int, ...] = ()
    """Shards on which it has changed the blackboard at once."""
    tried: tuple[tuple[int, str], ...] = ()
    """Number and key of each step that has changed the blackboard at once, or may have."""

    @classmethod
    def from_wire(cls, fields: list[Any]) -> Turn:
        """Rebuild from an unpacked array."""
        message, agent, host, epoch, outcome, sends, writes, state, error, *rest = fields
        packed = None if error is None else (error[0], list(error[1]))
        written = tuple(Write(*write) for write in writes) if writes else ()
        return cls(message, agent, host, epoch, outcome, tuple(map(_sent, sends)), written, state, packed, *rest)


class Delivery(NamedTuple):
    """A message on its way to a host, with what the host needs to run the turn."""

    agent: str
    """The agent that was chosen; for a pool or a skill, more precise than ``envelope.to``."""
    envelope: Envelope
    accepted_at: float
    """Unix seconds when the board accepted the message: the turn's notion of now, on every attempt."""
    attempt: int
    """From 1; committed before the handler runs."""
    steps: tuple[Step, ...] = ()
    """Steps that an earlier attempt recorded."""
    state: bytes | None = None
    """The agent's state when the board last saw it, sent only if the host has not got it."""
    round: int = 0
    """How often the turn failed and was started over."""
    fork: int | None = None
    """Its first step that ever failed and is tried again; behind it the turn may go another way than before."""

    @classmethod
    def from_wire(cls, fields: list[Any]) -> Delivery:
        """Rebuild from an unpacked array."""
        agent, envelope, accepted_at, attempt, steps, *rest = fields
        return cls(agent, Envelope.from_wire(envelope), accepted_at, attempt, tuple(Step(*s) for s in steps), *rest)


def tried(number: int, key: str) -> Step:
    """What is known of a step that was done in an earlier attempt, or may have been."""
    return Step(number, key, None, TRIED)


def fork_of(known: int | None, failed: list[int]) -> int | None:
    """The first step that ever failed and is tried again, with those that have now."""
    return min(failed if known is None else [known, *failed], default=None)


_SERIES: Final = len(Series._fields)


def _sent(fields: list[Any]) -> Envelope | Series:
    """Something that a turn sends. Raises: Malformed."""
    return Series.from_wire(fields) if len(fields) == _SERIES else Envelope.from_wire(fields)
