"""Our side of simulations: rounds in which every agent gets a message, changes its state, and sends a new one.

Ledger, digest and order are on.
"""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bench.load import Load, Measure, Taken
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles


class Populate(Message):
    """Bring so many agents to life."""

    count: int


class Meet(Message):
    """Know your neighbour."""

    neighbour: str


class Step(Message):
    """A neighbour has taken so many steps."""

    count: int


class Stepper(Agent):
    """Counts its steps, remembers what it hears, and tells its neighbour."""

    count = 0
    heard = 0
    neighbour = ""

    @handles
    def populate(self, wish: Populate, ctx: Context) -> None:
        names = [f"stepper/{place}" for place in range(wish.count)]
        for name, neighbour in zip(names, names[1:] + names[:1], strict=True):
            ctx.tell(name, Meet(neighbour=neighbour))

    @handles
    def meet(self, meeting: Meet, ctx: Context) -> None:
        self.neighbour = meeting.neighbour
        ctx.tell(self.neighbour, Step(count=0))

    @handles
    def step(self, step: Step, ctx: Context) -> None:
        self.heard = step.count
        self.count += 1
        ctx.tell(self.neighbour, Step(count=self.count))


class Rounds:
    """One population at a time."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._stack = AsyncExitStack()
        self._swarm: Swarm | None = None
        self._width = 0

    async def measure(self, load: Load) -> Taken:
        """See `Measure`."""
        if self._swarm is None or self._width != load.width:
            self._swarm = await self._populated(load.width)
        rounds = -(-load.operations // load.width)
        gc.collect()
        began = time.perf_counter()
        done = await self._swarm.run(rounds=rounds)
        seconds = time.perf_counter() - began
        if done != rounds:
            raise RuntimeError(f"{done} rounds of {rounds}")
        return Taken(rounds * load.width, seconds)

    async def close(self) -> None:
        """Let go of the population."""
        await self._stack.aclose()

    async def _populated(self, width: int) -> Swarm:
        await self._stack.aclose()
        swarm = await self._stack.enter_async_context(Swarm(plant=self._plant, durable=False, clock="lockstep", seed=1))
        swarm.add(Stepper)
        await swarm.tell("stepper/0", Populate(count=width))
        await swarm.run(rounds=3)
        self._width = width
        return swarm


@asynccontextmanager
async def lockstep(hosts: int = 0) -> AsyncIterator[Measure]:
    """Simulations: on the local engine, or over so many hosts on Ray."""
    rounds = Rounds(Plant(engine="ray", hosts=hosts) if hosts else Plant(engine="local"))
    try:
        yield rounds.measure
    finally:
        await rounds.close()
