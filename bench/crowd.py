"""A crowd of agents, most of which are idle: what a message costs when a million could get it.

Tokens go from agent to agent, in an order that jumps all over the crowd, and are counted where they end. Everybody
was brought to life before. Run as a module with the number of agents: each crowd has a process of its own.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

from bench.agents import Await, Counter, Report
from bench.load import Load, Taken
from bench.ours import LIMITS, TIMEOUT_S
from bench.peers.lines import serve
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles

STEPS: Final = 5
"""Agents that a token visits. With the count at its end that is six hops, which the watchdog need not look at."""

BIRTHS: Final = 10_000
"""Agents that one turn brings to life."""

JUMP: Final = 1_664_525
SHIFT: Final = 1_013_904_223
"""After a place comes ``place * JUMP + SHIFT``, modulo the crowd (Numerical Recipes, chapter 7)."""


class Wake(Message):
    """Be there."""


class Token(Message):
    place: int
    left: int
    crowd: int


class Births(Message):
    """Wake the agents from ``first`` to ``last``, who is not one of them."""

    first: int
    last: int


class Walk(Message):
    """Send so many tokens on their way."""

    tokens: int
    first: int
    crowd: int


class Member(Agent):
    """One of the crowd."""

    mailbox = 1_000_000
    seen = 0

    @handles
    def wake(self, _: Wake) -> None:
        self.seen = 0

    @handles
    def step(self, token: Token, ctx: Context) -> None:
        self.seen += 1
        if token.left:
            place = (token.place * JUMP + SHIFT) % token.crowd
            ctx.tell(f"member/{place}", Token(place=place, left=token.left - 1, crowd=token.crowd))
        else:
            ctx.tell("counter/all", Report(count=STEPS))


class Usher(Agent):
    """Begins everything."""

    @handles
    def wake(self, births: Births, ctx: Context) -> None:
        for place in range(births.first, births.last):
            ctx.tell(f"member/{place}", Wake())

    @handles
    def start(self, walk: Walk, ctx: Context) -> None:
        for number in range(walk.first, walk.first + walk.tokens):
            place = number * JUMP % walk.crowd
            ctx.tell(f"member/{place}", Token(place=place, left=STEPS - 1, crowd=walk.crowd))


class Crowd:
    """One swarm, all of whose agents are there."""

    def __init__(self, swarm: Swarm, size: int) -> None:
        self._swarm = swarm
        self._size = size
        self._first = 0

    async def measure(self, load: Load) -> Taken:
        """See `Measure`."""
        tokens = -(-load.operations // STEPS)
        walk = Walk(tokens=tokens, first=self._first, crowd=self._size)
        self._first += tokens
        began = time.perf_counter()
        await self._swarm.ask("usher/bench", walk)
        arrived = await self._swarm.ask("counter/all", Await(count=tokens * STEPS), reply=Report, timeout_s=TIMEOUT_S)
        if arrived.count != tokens * STEPS:
            raise RuntimeError(f"{arrived.count:,} steps of {tokens * STEPS:,}")
        return Taken(tokens * STEPS, time.perf_counter() - began)


async def main(size: int) -> None:
    """Bring a crowd to life, and measure as often as asked."""
    async with Swarm(plant=Plant(engine="local", limits=LIMITS), durable=False) as swarm:
        for kind in (Counter, Member, Usher):
            swarm.add(kind)
        for first in range(0, size, BIRTHS):
            births = Births(first=first, last=min(first + BIRTHS, size))
            await swarm.ask("usher/bench", births, timeout_s=TIMEOUT_S)
        await serve(Crowd(swarm, size).measure, ())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
