"""The road of a turn: its steps in order, those that were recorded, and how far it must go as it went before.

Calls inside a turn are steps. A replay takes the road that was recorded, and one that leaves it is caught. Only behind
a step that failed and is tried again may it go elsewhere, since that step may come to something else; but never past
what it has done outside, which would be done for nothing, or twice. What a turn merely reads, and how a step failed, is
recorded only together with the next step, since only then does it matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import (
    KINDS,
    Fenced,
    NonDeterministic,
    StepFailed,
    StigmergyError,
    SwarmStopped,
    TurnOver,
    pack,
    unpack,
)
from stigmergy.protocols.turn import CANCELLED, FAILED, REFUSED, Delivery, Step, fork_of, tried

from ..transport.link import PeerGone
from .over import turn_over

NOT_OURS: Final = (Fenced, SwarmStopped, PeerGone)
"""Errors that end the turn here, whatever its handler makes of them: no road of its own."""


class Taken(NamedTuple):
    """A step that a handler has come to."""

    number: int
    key: str
    round: int
    """That of the turn: what an earlier one has left behind counts no more."""
    known: Step | None
    """What was recorded of it."""


class Road:
    """The steps of one turn, in this attempt and those before."""

    def __init__(self, delivery: Delivery) -> None:
        self.turn = delivery.envelope.id
        self.attempt = delivery.attempt
        self.round = delivery.round
        self._agent = delivery.agent
        self._steps = {step.number: step for step in delivery.steps}
        self._fork = delivery.fork
        self._next = 0
        self._left: int | None = None
        """Where it has left the road that was recorded, until the board hears of it."""
        self._reads: list[Step] = []
        """What matters only if the turn goes on: reads and failures that are not recorded yet."""
        self._acts: dict[int, str] = {}
        """Keys of the steps of this attempt that have changed the blackboard at once, or may have, by number."""
        self._astray: NonDeterministic | None = None
        """Where it left the road and must not: a handler that caught it comes no further."""
        self._ended = False
        self._closed = False

    @property
    def acts(self) -> tuple[tuple[int, str], ...]:
        """Number and key of what has changed the blackboard at once in this attempt, or may have."""
        return tuple(self._acts.items())

    def take(self, key: str) -> Taken:
        """The next step. Raises: NonDeterministic, TurnOver."""
        if self._ended:
            raise turn_over(self._agent)
        if self._astray is not None:
            raise self._astray
        number, self._next = self._next, self._next + 1
        known = self._steps.get(number)
        if known is not None and known.key != key:
            self._leave(number, f"step {number} of turn {self.turn} was {known.key!r} and is now {key!r}")
            known = None
        return Taken(number, key, self.round, known)

    def arrive(self) -> None:
        """The handler has come to its end. Raises: NonDeterministic when it has left out what counts."""
        if self._astray is not None:
            raise self._astray
        if self._steps:
            self._check_left(self._next, f"turn {self.turn} has come to its end")

    def act(self, taken: Taken) -> None:
        """A step is about to change the blackboard at once."""
        self._acts[taken.number] = taken.key

    def _leave(self, number: int, how: str) -> None:
        """Go another way from that step on. Raises: NonDeterministic."""
        if self._fork is None or number <= self._fork:
            raise self._gone_astray(
                f"{how}: a handler may depend only on its message, its state and ctx (not on the clock, random "
                "numbers, globals or set order)"
            )
        self._check_left(number, how)
        self._steps = {other: step for other, step in self._steps.items() if other < number}
        self._left = number if self._left is None else min(number, self._left)

    def _check_left(self, number: int, how: str) -> None:
        """Raise if anything counts that was recorded from that step on. Raises: NonDeterministic."""
        counts = min((step for step in self._steps.values() if step.number >= number and step.counts), default=None)
        if counts is not None:
            raise self._gone_astray(
                f"{how}; but in an earlier attempt step {counts.number}, {counts.key!r}, was done, or may have been, "
                "and counts: do such things before a step that may fail, or whatever becomes of it"
            )

    def _gone_astray(self, text: str) -> NonDeterministic:
        self._astray = NonDeterministic(text)
        return self._astray

    def check(self, taken: Taken) -> None:
        """Raise TurnOver for a step whose attempt is over: nothing comes of it."""
        if self._closed or taken.round != self.round:
            raise turn_over(self._agent)

    @contextmanager
    def noted(self, taken: Taken) -> Iterator[None]:
        """Keep how the step in this block fails, for the case that the handler goes on; raise what a replay raises."""
        try:
            yield
        except (*NOT_OURS, TurnOver):
            raise
        except asyncio.CancelledError:
            self.pass_by(taken, None, CANCELLED)
            raise
        except Exception as error:
            lasting = _lasting(taken.key, error)
            self.pass_by(taken, list(pack(lasting)), FAILED)
            if lasting is error:
                raise
            raise lasting from error

    def pass_by(self, taken: Taken, result: Any, outcome: str = "done") -> None:
        """What a step came to, for the case that the turn goes on."""
        if taken.round == self.round and not self._closed:
            step = Step(taken.number, taken.key, result, outcome)
            self._reads.append(step)
            if not step.counts:
                self._acts.pop(taken.number, None)

    def turning(self) -> int | None:
        """The step from which on the board shall forget what was recorded, before it records another; said once."""
        left, self._left = self._left, None
        return left

    def claim(self) -> list[Step]:
        """What is to be recorded together with the next step."""
        reads, self._reads = self._reads, []
        self._steps.update((read.number, read) for read in reads)
        return reads

    def put_back(self, reads: list[Step]) -> None:
        """What was claimed has not been recorded."""
        self._reads += reads

    def keep(self, step: Step) -> None:
        """A step was recorded: the board hears of steps, and answers, before it hears that their turn has failed."""
        self._steps[step.number] = step

    def end(self) -> None:
        """The handler has ended: what it left behind begins no step."""
        self._ended = True

    def close(self) -> None:
        """The turn is sent off: what is still under way is not recorded any more."""
        self._closed = True

    def restart(self, attempt: int, round_: int) -> None:
        """Begin again: successful steps stay, failed ones are forgotten, but not that they may count."""
        failed = [step for step in self._steps.values() if step.failed]
        self.attempt, self.round = attempt, round_
        self._fork = fork_of(self._fork, [step.number for step in failed])
        self._next, self._ended, self._closed, self._astray = 0, False, False, None
        self._reads.clear()
        for step in failed:
            del self._steps[step.number]
        for number, key in (*((step.number, step.key) for step in failed if step.is_open), *self.acts):
            self._steps.setdefault(number, tried(number, key))
        self._acts.clear()


def _lasting(key: str, error: Exception) -> StigmergyError:
    """An error as it comes back from a journal: the project's own as they are, others by name and text."""
    if isinstance(error, StigmergyError):
        return error if KINDS.get(type(error).__name__) is type(error) else unpack(*pack(error))
    return StepFailed(f"step {key!r} failed: {type(error).__name__}: {error}")


async def recalled(step: Step) -> Any:
    """What a recorded step came to: its result, its error, or a wait that the handler gives up again."""
    if step.outcome in {FAILED, REFUSED}:
        raise unpack(*step.result)
    if step.outcome == CANCELLED:
        await asyncio.get_running_loop().create_future()
    return step.result
