"""Mesa: plain objects in one process, stepped by method calls.

Run as a module, in the peers' environment. With ``shuffled`` each step visits the agents in a new random order, as in
Mesa's own tutorials; with ``in_order`` it is a loop over a list of weak references, the least that Mesa can do. In
these two nobody has to do with anybody. With ``calling`` agents are visited in random order, too, and each calls a
method of its neighbour: the least that a model with interaction does.
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


class Caller(Stepper):
    """Changes its state and that of its neighbour, by a method call with an argument."""

    def __init__(self, model: mesa.Model) -> None:
        super().__init__(model)
        self.heard = 0
        self.neighbour: Caller = self

    def step(self) -> None:
        self.count += 1
        self.neighbour.hear(self.count)

    def hear(self, count: int) -> None:
        self.heard = count


class Steps:
    """One population at a time."""

    def __init__(self, kind: type[Stepper], method: str) -> None:
        self._kind = kind
        self._method = method
        self._model = mesa.Model(seed=1)

    async def measure(self, load: Load) -> Taken:
        if len(self._model.agents) != load.width:
            self._model = mesa.Model(seed=1)
            gc.collect()
            agents = list(self._kind.create_agents(self._model, load.width))
            for agent, other in zip(agents, agents[1:] + agents[:1], strict=True):
                agent.neighbour = other
        activate = getattr(self._model.agents, self._method)
        rounds = -(-load.operations // load.width)
        began = time.perf_counter()
        for _ in range(rounds):
            activate("step")
        return Taken(rounds * load.width, time.perf_counter() - began)


if __name__ == "__main__":
    WAYS = {"shuffled": (Stepper, "shuffle_do"), "in_order": (Stepper, "do"), "calling": (Caller, "shuffle_do")}
    asyncio.run(serve(Steps(*WAYS[sys.argv[1]]).measure, ("mesa", "numpy")))
