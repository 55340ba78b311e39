"""The run queue of a host: agents with mail, which have their turns one after the other.

The rule of this file: so many turns are a stretch. After each the event loop turns, what they have sent leaves, and a
board that is another process handles it while the host runs the next stretch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from .cell import Cell


class RunQueue:
    """Runs cells in the order in which they got mail."""

    def __init__(self, run: Callable[[Cell, int], int], stretch: int) -> None:
        """``run`` lets a cell have so many turns at most, and says how many it had."""
        self._run = run
        self._stretch = stretch
        self._ready: deque[Cell] = deque()
        self._stirred = False

    def add(self, cell: Cell) -> None:
        """A cell has something to do; one that is in the queue stays where it is."""
        if not cell.queued:
            cell.queued = True
            self._ready.append(cell)
            self._stir()

    def _stir(self) -> None:
        if not self._stirred:
            self._stirred = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._stirred = False
        left = self._stretch
        try:
            while self._ready and left > 0:
                cell = self._ready.popleft()
                cell.queued = False
                left -= self._run(cell, left)
        finally:
            if self._ready:
                self._stir()
