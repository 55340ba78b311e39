"""One colony from its first cycle to its last, seen from outside: started, watched, read out. Nobody steers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final

from stigmergy.protocols import BudgetExhausted, SwarmStopped
from stigmergy.runtime import Stage, Swarm, SwarmReport

from .agents import COLONY, FOUND, TRAIL, Ant, Go, Join
from .tours import FAINT

LOOK_S: Final = 0.1
"""How often the colony is looked at: for the progress line, and to see that it has finished."""

HOPS: Final = 3
"""Messages from one cycle to the next: a tour, the tours that answer it, and the word to go on."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a colony came to."""

    seed: int
    cycle: int
    """The cycle that it completed last."""
    found: dict[int, float]
    """Length of the best tour, by the cycle that found it."""
    tour: list[int]
    """The best tour; empty when no cycle was completed."""
    trail: dict[str, float]
    """The scent of every way that is marked."""
    figures: SwarmReport

    @property
    def length(self) -> float:
        """Length of the best tour; infinite when no cycle was completed."""
        return self.best_after(self.cycle)

    def best_after(self, cycle: int) -> float:
        """Length of the best tour after so many cycles; infinite when the colony did not get so far."""
        found = (length for when, length in self.found.items() if when <= cycle <= self.cycle)
        return min(found, default=inf)


async def live(stage: Stage, seed: int, settings: dict[str, Any], watch: Callable[[int], None]) -> Result:
    """Let a colony live. ``settings`` are the ants'; ``watch`` is called with the cycle that it is in."""
    # Healthy chains end at 1,024 hops unless somebody says that they are longer; this one is, by its number of cycles.
    hops = max(1_024, 2 * HOPS * settings["cycles"])
    plant = replace(stage.plant, limits={"hops": hops, **stage.plant.limits})
    async with replace(stage, plant=plant).swarm(seed=seed) as swarm:
        swarm.add(Ant, settings=settings)
        await swarm.trail(TRAIL).define(baseline=FAINT, now=0)
        with suppress(BudgetExhausted, SwarmStopped):
            for number in range(1, settings["ants"] + 1):
                await swarm.ask(f"ant/{number}", Join())
            await swarm.tell("ant/1", Go(cycle=1))
        while swarm.stopped is None and (await swarm.counts())["waiting"]:
            watch(await _cycle(swarm))
            await asyncio.sleep(LOOK_S)
        result = await _read_out(swarm, seed)
        watch(result.cycle)
        return result


async def _cycle(swarm: Swarm) -> int:
    known = await swarm.facts.get(COLONY)
    return 0 if known is None else int(known.value["cycle"])


async def _read_out(swarm: Swarm, seed: int) -> Result:
    keys = await swarm.facts.keys(FOUND)
    facts = {key: fact.value for key in keys if (fact := await swarm.facts.get(key)) is not None}
    return Result(
        seed=seed,
        cycle=await _cycle(swarm),
        found={int(key.removeprefix(FOUND)): value["length"] for key, value in facts.items()},
        tour=facts[keys[-1]]["cities"] if keys else [],
        trail=await swarm.trail(TRAIL).read(),
        figures=await swarm.report(),
    )
