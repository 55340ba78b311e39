"""Mesa: plain objects in one process, stepped by method calls. Nobody sends a message.

Run as a module, in the peers' environment. With ``shuffled`` each step visits the agents in a new random order, as in
Mesa's own tutorials; with ``in_order`` it is a loop over a list of weak references, the least that Mesa can do.
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import asyncio
import gc
import sys
import time

import mesa

from bench.load import Load, Taken
from bench.peers.lines import serve


class Stepper(mesa.Agent):
    """Changes its state, as the agents of a lockstep run do, and says nothing to anybody."""

    def __init__(self, model: mesa.Model) -> None:
        super().__init__(model)
        self.count = 0

    def step(self) -> None:
        self.count += 1


class Steps:
    """One population at a time."""

    def __init__(self, method: str) -> None:
        self._method = method
        self._model = mesa.Model(seed=1)

    async def measure(self, load: Load) -> Taken:
        if len(self._model.agents) != load.width:
            self._model = mesa.Model(seed=1)
            gc.collect()
            Stepper.create_agents(self._model, load.width)
        activate = getattr(self._model.agents, self._method)
        rounds = -(-load.operations // load.width)
        began = time.perf_counter()
        for _ in range(rounds):
            activate("step")
        return Taken(rounds * load.width, time.perf_counter() - began)


if __name__ == "__main__":
    METHODS = {"shuffled": "shuffle_do", "in_order": "do"}
    asyncio.run(serve(Steps(METHODS[sys.argv[1]]).measure, ("mesa", "numpy")))
