"""The ants. None of them directs another: each follows the same few rules about what it sees.

1. Who sees a tour of a cycle that it has not walked yet reads the trail, walks, and posts where it has been.
2. Who has seen the tours of all ants, and finds its own the shortest of the cycle, changes the trail: what all
   have trodden fades a little, and the best tour that anybody ever found gets stronger. Then it walks again.

By the second rule exactly one ant closes a cycle, as all see the same tours; by the first the others
follow it into the next one. So the trail changes once in a cycle, while nobody is on the way: every run
with the same seed walks the same tours, on one process or on many. This is the batch form of Ant Colony
System (Dorigo and Gambardella 1997).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from random import Random
from typing import Final

from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, State, handles

from .tours import FAINT, edges, length, walk

TRAIL: Final = "ways"
TOURS: Final = "tours"
"""The topic on which ants tell where they have been."""
COLONY: Final = "colony"
"""The fact that tells how far the colony is."""
FOUND: Final = "found/"
"""Facts that tell which tour was found in which cycle, for each cycle that brought a better one."""

TREADING: Final = 0.1
"""How far a way that an ant has trodden falls back to what unmarked ways hold (xi)."""
MARKING: Final = 0.1
"""How far the ways of the best tour move towards 1 / its length (rho, alpha)."""


class Join(Message):
    """Asks an ant to watch where the others have been."""


class Go(Message):
    """Sends an ant on its way, the first of its cycle."""

    cycle: int


class Tour(Message):
    """An ant is back, and tells where it has been."""

    cycle: int
    cities: list[int]


class Memory(State):
    """What one ant remembers."""

    whim: int = 0
    """Where its choices come from, drawn once: they do not depend on whose post happens to arrive last."""
    cycle: int = 0
    """The cycle that it has walked last; from 1."""
    tours: dict[str, list[int]] = {}
    """The tours of this cycle that it knows, its own included, by ant."""
    first: tuple[float, str] = (inf, "")
    """Length and walker of the shortest of them; of equal ones, the first by name."""
    best: list[int] = []
    """The shortest tour that it ever heard of."""
    best_length: float = inf
    best_cycle: int = 0


class Ant(Agent):
    """Walks a round trip in every cycle; prefers what is near and what is marked."""

    emits = [Tour]
    state: Memory

    @handles
    async def join(self, _: Join, ctx: Context) -> None:
        self.state.whim = ctx.random.getrandbits(64)
        await ctx.follow(TOURS)

    @handles
    async def lead(self, go: Go, ctx: Context) -> None:
        await self._walk(go.cycle, ctx)

    @handles
    async def see(self, tour: Tour, ctx: Context) -> None:
        if tour.cycle > self.state.cycle:
            await self._walk(tour.cycle, ctx)
        self._remember(ctx.sender, tour.cities)
        if len(self.state.tours) == self.settings["ants"] and self.state.first[1] == str(self.me):
            await self._close(ctx)

    async def _walk(self, cycle: int, ctx: Context) -> None:
        trail: Mapping[str, float] = {}
        if self.settings["pheromone"]:
            trail = await ctx.trail(TRAIL).read(now=cycle)
        tour = walk(trail, Random(f"{self.state.whim} {cycle}"))
        self.state.cycle, self.state.tours, self.state.first = cycle, {}, (inf, "")
        self._remember(str(self.me), tour)
        ctx.post(TOURS, Tour(cycle=cycle, cities=tour))

    def _remember(self, ant: str, tour: list[int]) -> None:
        known, way = self.state, length(tour)
        known.tours[ant] = tour
        known.first = min(known.first, (way, ant))
        if way < known.best_length:
            known.best, known.best_length, known.best_cycle = tour, way, known.cycle

    async def _close(self, ctx: Context) -> None:
        """Change the trail by two operations, for all ants, and lead into the next cycle."""
        known = self.state
        if self.settings["pheromone"]:
            # A way that was never marked holds FAINT, so fading towards FAINT changes nothing there.
            marked = await ctx.trail(TRAIL).read(now=known.cycle)
            trodden = [way for tour in known.tours.values() for way in edges(tour) if way in marked]
            ctx.blend(TRAIL, trodden, FAINT, TREADING, now=known.cycle)
            ctx.blend(TRAIL, edges(known.best), 1.0 / known.best_length, MARKING, now=known.cycle)
        if known.best_cycle == known.cycle:
            ctx.write(f"{FOUND}{known.cycle:06d}", {"length": known.best_length, "cities": known.best})
        ctx.write(COLONY, {"cycle": known.cycle, "length": known.best_length})
        if known.cycle < self.settings["cycles"]:
            ctx.tell(self.me, Go(cycle=known.cycle + 1))
