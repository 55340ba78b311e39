"""Ray, batched by hand: an async actor sends another lists of messages, packed by msgpack, so many to a call.

What a program does that knows its traffic in advance: no order, no names, no validation, nothing kept; the receiver
unpacks each batch and counts. 1,000 messages a call and 4 calls in flight were the best of what we tried here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgpack

from bench.load import TELLERS, TELLS_A_TURN, TEXT, Load, Measure, Taken

ACTOR: Final[dict[str, Any]] = {"num_cpus": 0, "max_concurrency": 100}

BATCH: Final = TELLS_A_TURN
"""Messages a call."""

WINDOW: Final = TELLERS
"""Calls in flight."""


class Receiver:
    """Unpacks what comes, and counts it."""

    def __init__(self) -> None:
        self._count = 0

    async def take(self, batch: bytes) -> None:
        self._count += len(msgpack.unpackb(batch))

    async def total(self) -> int:
        count, self._count = self._count, 0
        return count


class Sender:
    """Packs messages into batches and keeps some calls in flight."""

    def __init__(self, receiver: Any) -> None:
        self._receiver = receiver

    async def tell(self, count: int) -> float:
        began = time.perf_counter()
        flying: list[Any] = []
        for first in range(0, count, BATCH):
            numbers = range(first, min(count, first + BATCH))
            batch = msgpack.packb([{"text": TEXT, "n": number} for number in numbers])
            if len(flying) == WINDOW:
                await flying.pop(0)
            flying.append(self._receiver.take.remote(batch))
        await asyncio.gather(*flying)
        came = await self._receiver.total.remote()
        if came != count:
            raise RuntimeError(f"{came:,} messages came of {count:,}")
        return time.perf_counter() - began


@asynccontextmanager
async def batched_ray() -> AsyncIterator[Measure]:
    """Two actors. Ray must be running."""
    import ray  # noqa: PLC0415 - only when it is used

    make: Any = ray.remote(**ACTOR)
    receiver = make(Receiver).remote()
    sender = make(Sender).remote(receiver)

    async def measure(load: Load) -> Taken:
        return Taken(load.operations, await sender.tell.remote(load.operations))

    try:
        yield measure
    finally:
        ray.kill(sender)
        ray.kill(receiver)
