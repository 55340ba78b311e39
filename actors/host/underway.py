"""Underway: calls of tools that have begun at a host and may have had their effect.

The rule of this file: a host that closes lets what has begun come to its recorded end, and begins nothing more.
A call that is cut off between effect and record would be in doubt, though nothing had failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

MOST_S: Final = 30.0
"""How long a closing host waits for calls; a tool's own timeout may end them earlier."""


class Underway:
    """Shared by all turns of a host."""

    def __init__(self) -> None:
        self.ending: Callable[[], bool] = lambda: False
        """Whether the host ends, and with it whatever is cancelled now."""
        self._ends: dict[asyncio.Future[None], None] = {}
        self._closed: asyncio.Future[None] | None = None
        """Where calls wait that may not begin any more: until their turn is cancelled."""

    async def admit(self) -> None:
        """Return if a call may begin now; never return once this is closed."""
        if self._closed is not None:
            await asyncio.shield(self._closed)

    @contextmanager
    def call(self) -> Iterator[asyncio.Future[None]]:
        """One call, from before its intention is durable until its result is; done when it has ended."""
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends[end] = None
        try:
            yield end
        finally:
            del self._ends[end]
            end.cancel()

    async def close(self, most_s: float = MOST_S) -> None:
        """Let nothing begin any more, and wait until what has begun has ended; 30 s at most."""
        if self._closed is None:
            self._closed = asyncio.get_running_loop().create_future()
        if self._ends:
            await asyncio.wait(list(self._ends), timeout=most_s)
