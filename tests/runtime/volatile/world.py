"""A world for swarms on the local engine: virtual time, and links that lose, delay and overtake, by a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pytest

from stigmergy.actors.registry.placement import Seat, place
from stigmergy.actors.transport import link as link_module
from stigmergy.actors.transport.link import PeerUnavailable
from stigmergy.actors.transport.processes import LocalProcess
from tests.simulation.loop import ProcessLoop, Timeline

LONG_S = 3_600.0
"""More virtual time than anything here takes."""


def living(kind: str, host: int, count: int = 1, hosts: int = 2) -> list[str]:
    """Agents of a kind that live on a host."""
    seats = [Seat(f"host-{number}") for number in range(1, hosts + 1)]
    names = (f"{kind}/{number}" for number in range(10_000))
    return list(islice((name for name in names if place(name, seats) == f"host-{host}"), count))


class World:
    """What a simulated swarm runs in."""

    def __init__(self, seed: int, loss: float, delay_s: float) -> None:
        self.chance = random.Random(seed)
        self.processes: dict[str, LocalProcess] = {}
        self._bad = random.Random(-seed)
        self._loss = loss
        self._delay_s = delay_s

    async def way(self) -> None:
        """A call is on its way, if it gets there. Raises: PeerUnavailable."""
        slow = 20 if self._bad.random() < 0.1 else 1
        await asyncio.sleep(self._bad.random() * self._delay_s * slow)
        if self._bad.random() < self._loss:
            raise PeerUnavailable("lost on the way")

    def kill(self, name: str) -> None:
        """End a process at once."""
        self.processes.pop(name).kill()


@contextmanager
def patched(world: World) -> Any:
    """The local engine, its processes behind such ways."""

    class Distant(LocalProcess):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            world.processes[name] = self

        async def receive(self, data: bytes) -> bytes:
            if self.name == "board":
                return await super().receive(data)
            await world.way()
            back = await super().receive(data)
            await world.way()
            return back

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stigmergy.runtime.engines.LocalProcess", Distant)
        patch.setattr(link_module, "RETRY_S", (0.0,) * 60)
        patch.setattr(link_module, "SILENCE_S", 0.0)
        yield


def simulate(
    seed: int, program: Callable[[World], Awaitable[None]], *, loss: float = 0.1, delay_s: float = 0.02
) -> None:
    """Run a program in virtual time. The same seed is the same run."""
    world, timeline = World(seed, loss, delay_s), Timeline()
    loop = ProcessLoop("everything", timeline)

    async def run() -> None:
        try:
            await program(world)
        finally:
            timeline.is_over = True

    with patched(world):
        task = loop.create_task(run())
        timeline.run(LONG_S)
        loop.bury()
    assert task.done(), f"nothing happens any more, at {timeline.now:.1f} s"
    task.result()
    assert not loop.complaints
