"""A crowd of agents, most of which are idle: what a message costs when a million could get it.

Tokens go from agent to agent, in an order that jumps all over the crowd, and are counted where they end. Everybody
was brought to life before. Run as a module with the number of agents: each crowd has a process of its own. With
``unwatched`` behind that, neither the watchdog nor the ledger is there.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from dataclasses import fields
from typing import Final

from bench.agents import Await, Counter, Report
from bench.load import Load, Taken
from bench.ours import LIMITS, TIMEOUT_S
from bench.peers.lines import serve
from stigmergy.actors.volatile.allowance import Allowance
from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles

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
    visits: int


class Births(Message):
    """Wake the agents from ``first`` to ``last``, who is not one of them."""

    first: int
    last: int


class Walk(Message):
    """Send so many tokens on their way."""

    tokens: int
    first: int
    crowd: int
    visits: int


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
            ctx.tell(f"member/{place}", Token(place=place, left=token.left - 1, crowd=token.crowd, visits=token.visits))
        else:
            ctx.tell("counter/all", Report(count=token.visits))


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
            token = Token(place=place, left=walk.visits - 1, crowd=walk.crowd, visits=walk.visits)
            ctx.tell(f"member/{place}", token)


class Crowd:
    """One swarm, all of whose agents are there."""

    def __init__(self, swarm: Swarm, size: int) -> None:
        self._swarm = swarm
        self._size = size
        self._first = 0

    async def measure(self, load: Load) -> Taken:
        """See `Measure`."""
        visits = load.width
        tokens = -(-load.operations // visits)
        walk = Walk(tokens=tokens, first=self._first, crowd=self._size, visits=visits)
        self._first += tokens
        began = time.perf_counter()
        await self._swarm.ask("usher/bench", walk)
        arrived = await self._swarm.ask("counter/all", Await(count=tokens * visits), reply=Report, timeout_s=TIMEOUT_S)
        if arrived.count != tokens * visits:
            raise RuntimeError(f"{arrived.count:,} visits of {tokens * visits:,}")
        return Taken(tokens * visits, time.perf_counter() - began)


def pay_nothing() -> None:
    """From now on no host of this process asks the ledger for anything."""

    def unlimited(self: Allowance, account: str) -> None:
        self.account, self.granted, self.op = account, 0, ""
        setattr(self, "left", math.inf)  # noqa: B010 - it counts down from there

    setattr(Allowance, "__init__", unlimited)  # noqa: B010 - a swarm without a ledger is nothing that users can have


async def main(size: int, *, watched: bool) -> None:
    """Bring a crowd to life, and measure as often as asked."""
    limits = LIMITS
    if not watched:
        pay_nothing()
        limits = {field.name: math.inf for field in fields(LoopLimits) if field.type == "float"}
    async with Swarm(plant=Plant(engine="local", limits=limits), durable=False) as swarm:
        for kind in (Counter, Member, Usher):
            swarm.add(kind)
        for first in range(0, size, BIRTHS):
            births = Births(first=first, last=min(first + BIRTHS, size))
            await swarm.ask("usher/bench", births, timeout_s=TIMEOUT_S)
        await serve(Crowd(swarm, size).measure, ())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), watched=sys.argv[2:] != ["unwatched"]))
