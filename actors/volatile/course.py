"""The course of virtual time: when there is another round, and which number it has."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from .acts import Act
from .line import Line
from .rounds import Rounds
from .rubbish import undisturbed

SOME: Final = 1_000
"""Acts that go to the board in one request."""


class Course:
    """How time goes on for a driver."""

    _mood: Callable[[], AbstractContextManager[None]] = nullcontext
    """What holds while it does."""

    def __init__(self, rounds: Rounds, line: Line) -> None:
        self.rounds = rounds
        self._line = line
        self._running = asyncio.Lock()

    async def run(self, rounds: int | None) -> int:
        """Go on for so many rounds, or until nothing is left to happen. Returns how many it were."""
        before = self.rounds.number
        last = math.inf if rounds is None else before + rounds
        async with self._running:
            with self._mood():
                while self.rounds.number < last and await self.advance(last):
                    pass
            await self._arrive(before)
        return self.rounds.number - before

    async def until(self, done: Callable[[], bool]) -> None:
        """Go on until something has happened, or nothing can happen any more."""
        before = self.rounds.number
        async with self._running:
            with self._mood():
                while not done() and await self.advance(math.inf):
                    pass
            await self._arrive(before)

    async def _arrive(self, before: int) -> None:
        """Let the board know which round it is: for drivers, trails evaporate and claims lapse until then."""
        if self.rounds.number > before:
            await self._line.ask("acts of a round", [self.rounds.number, []])

    async def advance(self, last: float) -> bool:
        """Play a round, or some; none begins after round ``last``. Returns whether anything was left to happen."""
        raise NotImplementedError

    async def digest(self) -> int:
        """Over all that agents were given, 128 bits."""
        raise NotImplementedError

    def halt(self) -> None:
        """The swarm has stopped."""


class Solo(Course):
    """The course of a swarm with one host."""

    _mood = staticmethod(undisturbed)

    async def advance(self, last: float) -> bool:  # noqa: ARG002 - one round at a time
        """See `Course.advance`."""
        rounds = self.rounds
        rounds.office.sort()
        if rounds.host.stopped is not None or not (rounds.left or rounds.waits):
            return False
        number = rounds.number + 1
        await rounds.play(number if rounds.left else max(number, jump(rounds.next_timer)))
        rounds.done(await carried_out(self._line, rounds.number, rounds.acts.take()))
        rounds.office.turn()
        return True

    async def digest(self) -> int:
        """See `Course.digest`."""
        return self.rounds.office.digest.total()


def jump(timer: float) -> int:
    """The round to which time jumps when nothing happens before a timer."""
    return math.ceil(timer) if timer < math.inf else 0


async def carried_out(line: Line, number: int, acts: list[Act]) -> list[tuple[str, int, bool, object]]:
    """Have the board do what agents did in a round. Returns the results, see `Acts.done`. Raises: PeerGone."""
    results: list[tuple[str, int, bool, object]] = []
    for at in range(0, len(acts), SOME):
        some = acts[at : at + SOME]
        told = await line.ask("acts of a round", [number, [act.request() for act in some]])
        results += [(act.agent, act.number, fine, value) for act, (fine, value) in zip(some, told, strict=True)]
    return results
