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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Any, Final
from zlib import crc32

import msgpack

from stigmergy.protocols.message import Message, encode

from .host import Host
from .letter import Letter
from .slot import Slot

CALM: Final = 3
"""Turns of the event loop in which nothing happens, after which nothing more happens in a round."""

PATIENCE: Final = 1_000
"""Turns of the event loop after which a round that waits for the world outside looks only every millisecond."""

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

    def __init__(self, host: Host) -> None:
        self._host = host
        self._timers: list[tuple[float, int, Timer]] = []
        self._order: list[Slot] = []
        self._running = asyncio.Lock()
        self._pack = msgpack.Packer(autoreset=True).pack
        self.number = 0
        """Rounds so far."""
        host.arrivals = []
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
        return not (host.arrivals or host.later or host.turns or host.ready)

    def digest(self) -> int:
        """Over all that agents were given, 128 bits; digests of hosts add up to that of the swarm."""
        total = 0
        for place in self._host.places.values():
            if type(place) is Slot and place.digest:
                text = f"{place.name}\x1f{place.digest}"
                total += int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big")
        return total & (1 << 128) - 1

    # -- one round ---------------------------------------------------------------------------

    async def _round(self) -> None:
        host = self._host
        self.number += 1
        if not host.arrivals and not host.later and self._timers:
            self.number = max(self.number, int(self._timers[0][0]))  # nothing happens before that
        while self._timers and self._timers[0][0] <= self.number:
            call = heappop(self._timers)[2].call
            if call is not None:
                call()
        later, host.later = host.later or [], []
        for letter, answer, taint in sorted(later, key=lambda reply: (reply[0].sender, reply[0].number)):
            if letter.asked is not None and not letter.asked.done():
                if isinstance(answer, Message):
                    letter.asked.answer(answer, taint)
                else:
                    letter.asked.fail(answer)
        arrivals, host.arrivals = host.arrivals, []
        if arrivals:
            self._deliver(arrivals)
        if host.turns:
            host.mixed = True  # what goes on now sends before its turn by name
        await self._settle()
        host.sweep()
        if not self.number % SPRING:
            gc.collect(1)

    def _deliver(self, arrivals: list[Any]) -> None:
        """Make everything ready in its order, and take it into the digests."""
        host, order = self._host, self._order
        if host.posted:
            host.posted = False
            arrivals = list(_spread(arrivals))
        if len(host.places) != len(order):
            self._rank()
        if host.mixed:
            host.mixed = False
            arrivals.sort(key=_by_sender)
        arrivals.sort(key=_by_recipient)
        pack = self._pack
        for slot, letter in arrivals:
            message = letter.message
            try:
                data = pack((letter.sender, letter.number, message.message_type, message.__dict__))
            except TypeError:  # a field that is a message, a set, a date
                data = pack((letter.sender, letter.number, message.message_type, encode(message)))
            slot.digest = crc32(data, slot.digest)
        host.ready.extend(arrivals)
        host.wake()

    async def _settle(self) -> None:
        """Wait until every turn has ended or waits for an answer."""
        host, calm, passes = self._host, 0, 0
        while calm < CALM:
            busy = host.ready or any(not turn.asks for turn in host.turns)
            calm = 0 if busy and host.stopped is None else calm + 1
            passes += 1
            await asyncio.sleep(0 if passes < PATIENCE else 0.001)

    def _rank(self) -> None:
        """Number the agents in the order of their names."""
        slots = [place for place in self._host.places.values() if type(place) is Slot]
        slots.sort(key=_by_name)
        for rank, slot in enumerate(slots):
            slot.rank = rank
        self._order = slots

    def _at(self, seconds: float, call: Callable[..., None], *arguments: Any) -> Timer:
        timer = Timer(lambda: call(*arguments))
        heappush(self._timers, (self.number + seconds, id(timer), timer))
        return timer


def _spread(arrivals: list[Any]) -> Iterator[tuple[Slot, Letter]]:
    """Posts as one arrival for each follower."""
    for slot, letter in arrivals:
        if type(slot) is list:
            yield from ((each, letter) for each in slot)
        else:
            yield slot, letter


def _by_sender(arrival: tuple[Slot, Letter]) -> tuple[str, int]:
    return arrival[1].sender, arrival[1].number


def _by_recipient(arrival: tuple[Slot, Letter]) -> int:
    return arrival[0].rank


def _by_name(slot: Slot) -> str:
    return slot.name


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
