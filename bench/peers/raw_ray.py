"""Ray alone: an async actor calls another with the bytes of a message, and nobody validates, orders or keeps them.

The rule of this file: the fastest plain use of Ray that we know. Tells drop their references, which was faster than
awaiting them (measured), and one call at the end waits until all have come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from bench.load import BODY_BYTES, Load, Measure, Taken

ACTOR: Final[dict[str, Any]] = {"num_cpus": 0, "max_concurrency": 4_000}

BODY: Final = b"x" * BODY_BYTES


class Answerer:
    """Gives bytes back, or counts them."""

    def __init__(self) -> None:
        self._count = 0
        self._wanted = 0
        self._enough = asyncio.Event()

    async def ask(self, body: bytes) -> bytes:
        return body

    async def tell(self, _body: bytes) -> None:
        self._count += 1
        if self._count == self._wanted:
            self._enough.set()

    async def reach(self, count: int) -> None:
        self._wanted = count
        if self._count < count:
            self._enough.clear()
            await self._enough.wait()
        self._count = self._wanted = 0


class Worker:
    """Calls the answerer from a process of its own."""

    def __init__(self, answerer: Any) -> None:
        self._answerer = answerer

    async def ask(self, count: int, width: int) -> float:
        numbers = iter(range(count))
        began = time.perf_counter()

        async def one_after_another() -> None:
            for _ in numbers:
                await self._answerer.ask.remote(BODY)

        await asyncio.gather(*(one_after_another() for _ in range(width)))
        return time.perf_counter() - began

    async def tell(self, count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            self._answerer.tell.remote(BODY)
        await self._answerer.reach.remote(count)
        return time.perf_counter() - began


@asynccontextmanager
async def raw_ray() -> AsyncIterator[Measure]:
    """Two actors. Ray must be running."""
    import ray  # noqa: PLC0415 - only when it is used

    make: Any = ray.remote(**ACTOR)
    answerer = make(Answerer).remote()
    worker = make(Worker).remote(answerer)

    async def spawn(load: Load) -> float:
        """A new actor is a new process."""
        began = time.perf_counter()
        actors = [make(Answerer).remote() for _ in range(load.operations)]
        await asyncio.gather(*(actor.ask.remote(BODY) for actor in actors))
        seconds = time.perf_counter() - began
        for actor in actors:
            ray.kill(actor)
        return seconds

    async def measure(load: Load) -> Taken:
        if load.shape == "spawn":
            return Taken(load.operations, await spawn(load))
        call = (
            worker.ask.remote(load.operations, load.width)
            if load.shape == "ask"
            else worker.tell.remote(load.operations)
        )
        return Taken(load.operations, await call)

    try:
        yield measure
    finally:
        ray.kill(worker)
        ray.kill(answerer)
