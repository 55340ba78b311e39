"""xoscar: an actor asks another one in another process of its pool. Run as a module, in the peers' environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import xoscar

from bench.load import BODY_BYTES, Load, Taken
from bench.peers.lines import serve

BODY = b"x" * BODY_BYTES


class Answerer(xoscar.Actor):
    """Gives bytes back, or counts them."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    async def ask(self, body: bytes) -> bytes:
        return body

    async def tell(self, _body: bytes) -> None:
        self._count += 1

    async def total(self) -> int:
        count, self._count = self._count, 0
        return count


class Worker(xoscar.Actor):
    """Calls the answerer from a process of its own."""

    def __init__(self, answerer: Any) -> None:
        super().__init__()
        self._answerer = answerer

    async def ask(self, count: int, width: int) -> float:
        numbers = iter(range(count))
        began = time.perf_counter()

        async def one_after_another() -> None:
            for _ in numbers:
                await self._answerer.ask(BODY)

        await asyncio.gather(*(one_after_another() for _ in range(width)))
        return time.perf_counter() - began

    async def tell(self, count: int) -> float:
        """`tell` there waits until a message was taken over by the transport."""
        began = time.perf_counter()
        for _ in range(count):
            await self._answerer.tell.tell(BODY)
        came = 0
        while came < count:
            came += await self._answerer.total()
        return time.perf_counter() - began


async def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    pool = await xoscar.create_actor_pool(address, n_process=2)
    async with pool:
        first, second = pool.sub_processes
        answerer = await xoscar.create_actor(Answerer, address=first, uid=b"answerer")
        worker = await xoscar.create_actor(Worker, answerer, address=second, uid=b"worker")

        async def measure(load: Load) -> Taken:
            call = worker.ask(load.operations, load.width) if load.shape == "ask" else worker.tell(load.operations)
            return Taken(load.operations, await call)

        await serve(measure, ("xoscar",))


if __name__ == "__main__":
    asyncio.run(main())
