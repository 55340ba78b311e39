"""The pace of a host whose board is another process: so many turns, then what they have sent may leave.

The rule of this file: no turn waits while fewer than a stretch have run since the event loop turned; those that do wait
go on in the order in which they came. So the board handles one stretch while the host runs the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

STRETCH: Final = 32
"""Turns between two of the event loop. Fewer in a call to the board are more calls, each of about a millisecond."""


class Pace:
    """Lets turns begin."""

    def __init__(self, stretch: int = STRETCH) -> None:
        self._stretch = stretch
        self._left = stretch
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False
        """Whether it will hear of the event loop's next turn."""

    async def begin(self) -> None:
        """Return when a turn may begin."""
        loop = asyncio.get_running_loop()
        if not self._turning:
            self._turning = True
            loop.call_soon(self._turned)
        if self._left:
            self._left -= 1
            return
        mine = loop.create_future()
        self._waiting.append(mine)
        await mine

    def _turned(self) -> None:
        self._left, self._turning = self._stretch, False
        while self._waiting and self._left:
            first = self._waiting.popleft()
            if not first.done():  # its turn may have been cancelled
                first.set_result(None)
                self._left -= 1
        if self._left < self._stretch:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turned)
