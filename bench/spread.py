"""One swarm on one host of Ray or on two: what a second host is worth.

Agents are split into two crews, each with a head; on two hosts each crew lives on one of them, on one host both do. The
heads begin everything and hear of its end, so while time is taken the driver waits for two answers and does nothing.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bench.agents import ROOMY, Await, Counter, Report, Where
from bench.load import Load, Measure, Taken
from bench.ours import LIMITS, TIMEOUT_S
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles

CREW: Final = 64
"""Agents of each crew."""

CREWS: Final = 2

CROSSING: Final = 15
"""Of 100 moves of a token so many go to the other crew. A token of five visits is six messages, of which four are
moves: one message in ten crosses, and 90 % are local."""

TOIL: Final = 4_000
"""Numbers that one piece of work adds up, which takes a quarter of a millisecond."""

JUMP: Final = 1_664_525
SHIFT: Final = 1_013_904_223
"""Where a token goes next: a generator of Numerical Recipes, chapter 7, modulo 2**32."""


class Meet(Message):
    """Know both crews, and which is yours."""

    crews: list[list[str]]
    heads: list[str]
    own: int


class Begin(Message):
    """Let so many pieces of work be done by your crew, or so many tokens make so many visits."""

    count: int
    first: int
    visits: int


class Toil(Message):
    """A piece of work."""

    n: int


class Token(Message):
    place: int
    left: int


class Head(Counter):
    """Begins the work of its crew, and counts what has come to an end there."""

    mailbox = ROOMY

    @handles
    def meet(self, meeting: Meet) -> None:
        self.crew = meeting.crews[meeting.own]

    @handles
    def begin(self, order: Begin, ctx: Context) -> None:
        crew = self.crew
        for n in range(order.first, order.first + order.count):
            work = Token(place=n * JUMP % 2**32, left=order.visits - 1) if order.visits else Toil(n=n)
            ctx.tell(crew[n % len(crew)], work)

    @handles
    def where(self, _: Where) -> Report:
        return Report(count=0, process=os.getpid())


class Hand(Agent):
    """One of a crew."""

    mailbox = ROOMY

    @handles
    def meet(self, meeting: Meet) -> None:
        self.crews, self.head, self.own = meeting.crews, meeting.heads[meeting.own], meeting.own

    @handles
    def toil(self, _: Toil, ctx: Context) -> None:
        if sum(n * n for n in range(TOIL)):
            ctx.tell(self.head, Report(count=1))

    @handles
    def pass_on(self, token: Token, ctx: Context) -> None:
        if token.left:
            place, to, number = move(token.place, self.own)
            ctx.tell(self.crews[to][number], Token(place=place, left=token.left - 1))
        else:
            ctx.tell(self.head, Report(count=1))

    @handles
    def where(self, _: Where) -> Report:
        return Report(count=0, process=os.getpid())


def move(place: int, own: int) -> tuple[int, int, int]:
    """Where a token goes: its new place, the crew, and the number of the agent there."""
    place = (place * JUMP + SHIFT) % 2**32
    crew = 1 - own if (place >> 20) % 100 < CROSSING else own
    return place, crew, (place >> 8) % CREW


class Spread:
    """One swarm, whose crews know each other."""

    def __init__(self, swarm: Swarm, hosts: int) -> None:
        self._swarm = swarm
        self._hosts = hosts
        self._heads: list[str] = []
        self._first = 0

    async def measure(self, load: Load) -> Taken:
        """See `Measure`."""
        if not self._heads:
            await self._meet()
        visits = load.width if load.shape == "roam" else 0
        each = -(-load.operations // (CREWS * max(1, visits)))
        ends = [each] * CREWS
        if visits:
            ends = [sum(found.count(crew) for found in self._ends(each, visits)) for crew in range(CREWS)]
        order = Begin(count=each, first=self._first, visits=visits)
        self._first += each
        began = time.perf_counter()
        waits = [
            self._swarm.ask(head, Await(count=end), reply=Report, timeout_s=TIMEOUT_S)
            for head, end in zip(self._heads, ends, strict=True)
        ]
        begins = [self._swarm.tell(head, order) for head in self._heads]
        await asyncio.gather(*begins)
        reports = await asyncio.gather(*waits)
        seconds = time.perf_counter() - began
        if [report.count for report in reports] != ends:
            raise RuntimeError(f"{[report.count for report in reports]} have come to an end, not {ends}")
        return Taken(CREWS * each * max(1, visits), seconds)

    def _ends(self, count: int, visits: int) -> list[list[int]]:
        """At which crew each token comes to its end, for both crews where they begin."""
        return [
            [_end(n * JUMP % 2**32, crew, visits) for n in range(self._first, self._first + count)]
            for crew in range(CREWS)
        ]

    async def _meet(self) -> None:
        heads, hands = await self._crews("head", 1), await self._crews("hand", CREW)
        self._heads = [head for (head,) in heads]
        for own in range(CREWS):
            meeting = Meet(crews=hands, heads=self._heads, own=own)
            await asyncio.gather(*(self._swarm.ask(agent, meeting) for agent in (*heads[own], *hands[own])))

    async def _crews(self, kind: str, count: int) -> list[list[str]]:
        """So many agents for each crew, each crew in a process of its own if there are two hosts."""
        by_process: dict[int, list[str]] = {}
        number = 0
        while len(by_process) < self._hosts or min(map(len, by_process.values())) < count * CREWS // self._hosts:
            agent, number = f"{kind}/{number}", number + 1
            process = (await self._swarm.ask(agent, Where(), reply=Report)).process
            by_process.setdefault(process, []).append(agent)
        found = [by_process[process] for process in sorted(by_process)]
        if self._hosts == 1:
            return [found[0][:count], found[0][count : 2 * count]]
        return [names[:count] for names in found]


def _end(place: int, own: int, visits: int) -> int:
    for _ in range(visits - 1):
        place, own, _ = move(place, own)
    return own


@asynccontextmanager
async def spread(hosts: int) -> AsyncIterator[Measure]:
    """A swarm without a journal on so many hosts of Ray, one or two."""
    async with Swarm(plant=Plant(engine="ray", hosts=hosts, limits=LIMITS), durable=False) as swarm:
        swarm.add(Head)
        swarm.add(Hand)
        yield Spread(swarm, hosts).measure
