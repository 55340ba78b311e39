"""Rounds: virtual time. What is sent in one round is delivered in the next.

In a round every agent gets what was sent to it in the round before, ordered by sender and by the
sender's own count, and agents have their turns in the order of their names; answers to asks come at the
beginning of the next round. So nothing depends on which turn happened to end first, and the digest,
which covers all that each agent was given, is the same for the same seed.

A second is a round: that is the unit of deadlines. A round waits for whatever its turns wait for
outside the swarm, such as a model.
"""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any, Final

from stigmergy.protocols.message import Message

from .delivery import Delivery, Scene
from .host import Host
from .letter import Letter
from .sorting import Sorting

CALM: Final = 3
"""Turns of the event loop in which nothing happens, after which nothing more happens in a round."""

PATIENCE: Final = 1_000
"""Turns of the event loop after which a round that waits for the world outside looks only every millisecond."""

MANY: Final = 10_000
"""Letters of a round after which the event loop turns some times before anything else is done,"""

BREATH: Final = 8
"""namely so often: a sign of life has got through then."""

SPRING: Final = 16
"""Rounds after which cycles among what is young are looked for."""


class Timer:
    """Something to be done at the beginning of a round, unless it is cancelled."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None] | None) -> None:
        self.call = call

    def cancel(self) -> None:
        """Do nothing then."""
        self.call = None


class Rounds:
    """The virtual time of one host."""

    def __init__(self, host: Host, office: Sorting, scene: Scene) -> None:
        self._host = host
        self._office = office
        self._delivery = Delivery(host, office, scene)
        self._timers: list[tuple[float, int, Timer]] = []
        self._set = 0
        """Timers so far."""
        self._running = asyncio.Lock()
        self.number = 0
        """Rounds so far."""
        host.inline = False
        host.later = []
        host.now = self.time
        host.timer = self._at
        host.pause = _no_time

    def time(self) -> float:
        """Rounds so far, as seconds."""
        return float(self.number)

    async def run(self, rounds: int | None) -> int:
        """Go on for so many rounds, or until nothing is left to happen. Returns how many it were."""
        before = self.number
        async with self._running:
            with _without_collections():
                while self._goes_on and (rounds is None or self.number - before < rounds):
                    await self._round()
        return self.number - before

    async def until(self, done: Callable[[], bool]) -> None:
        """Go on until something has happened, or nothing can happen any more."""
        async with self._running:
            while not done() and self._goes_on:
                await self._round()

    @property
    def _goes_on(self) -> bool:
        return self._host.stopped is None and not self.quiet

    @property
    def quiet(self) -> bool:
        """Whether nothing is left to happen."""
        host = self._host
        return self._office.empty and not (host.later or host.turns or host.ready)

    def digest(self) -> int:
        """Over all that agents were given, 128 bits; digests of hosts add up to that of the swarm."""
        return self._office.digest.total()

    # -- one round ---------------------------------------------------------------------------

    async def _round(self) -> None:
        host, office = self._host, self._office
        if office.sort() > MANY:
            await _breathe()
        self.number += 1
        if office.empty and not host.later:
            self.number = max(self.number, math.ceil(self._next_timer(self.number)))  # nothing happens before that
        answers, host.later = host.later or [], []
        await self._delivery.deliver(self.number)
        while self._next_timer() <= self.number:
            call = heappop(self._timers)[2].call
            if call is not None:
                call()
        for letter, answer, taint in sorted(answers, key=_by_asker):
            if letter.asked is not None and not letter.asked.done():
                if isinstance(answer, Message):
                    letter.asked.answer(answer, taint)
                else:
                    letter.asked.fail(answer)
        self._delivery.begin()
        await self._settle()
        host.sweep()
        if not self.number % SPRING:
            gc.collect(1)

    async def _settle(self) -> None:
        """Wait until every turn has ended or waits for an answer."""
        host, calm, passes = self._host, 0, 0
        while calm < CALM:
            busy = host.ready or any(not turn.waits for turn in host.turns)
            calm = 0 if busy and host.stopped is None else calm + 1
            passes += 1
            await asyncio.sleep(0 if passes < PATIENCE else 0.001)

    def _next_timer(self, otherwise: float = math.inf) -> float:
        """The time of the next timer."""
        while self._timers and self._timers[0][2].call is None:
            heappop(self._timers)
        return self._timers[0][0] if self._timers else otherwise

    def _at(self, seconds: float, call: Callable[..., None], *arguments: Any) -> Timer:
        timer = Timer(lambda: call(*arguments))
        self._set += 1
        heappush(self._timers, (self.number + seconds, self._set, timer))
        return timer


def _by_asker(answer: tuple[Letter, Any, Any]) -> tuple[str, int]:
    return answer[0].sender, answer[0].number


async def _breathe() -> None:
    """Let signs of life through: to sort a million letters takes a second, in which the event loop does not turn."""
    for _ in range(BREATH):
        await asyncio.sleep(0)


async def _no_time(_seconds: float) -> None:
    """In virtual time the next attempt follows at once."""


@contextmanager
def _without_collections() -> Iterator[None]:
    """Between rounds only the young are looked through for cycles: agents are many, and live long."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
