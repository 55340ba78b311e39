"""A slot: the handle of a peer that can call but not be called, such as a driver on Ray.

What is sent to it waits here until the peer fetches it.
"""

from __future__ import annotations

import asyncio

from stigmergy.protocols.codec import pack

from .channel import open_batch


class Slot:
    """A `Handle` whose far end comes and collects."""

    def __init__(self) -> None:
        self._batches: dict[int, bytes] = {}
        """By number: what is sent again is here once."""
        self._news = asyncio.Event()

    async def receive(self, data: bytes) -> bytes:
        """Leave a batch. The confirmation comes with the peer's next batch, so this returns a bare one."""
        _, number, _, _ = open_batch(data)
        self._batches[number] = data
        self._news.set()
        return _NOTHING

    async def collect(self, wait_s: float) -> list[bytes]:
        """Everything that is here; waits up to ``wait_s`` for something to come."""
        if not self._batches:
            try:
                await asyncio.wait_for(self._news.wait(), wait_s)
            except TimeoutError:
                return []
        self._news.clear()
        batches, self._batches = self._batches, {}
        return list(batches.values())


_NOTHING = pack(("", 0, 0, ()))
