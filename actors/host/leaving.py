"""Leaving: agents that have been idle for long say goodbye, and are forgotten until their next message.

The rule of this file: their board says who may go. It agrees if nothing is on its way to them, and sends the state
with the next message from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stigmergy.protocols.errors import StigmergyError

from ..transport.link import Link
from .boards import Boards
from .cell import Cell
from .idle import Idle, IdleLimits
from .performer import Performer

Start = Callable[..., "asyncio.Task[None]"]
"""See `Runner.start`."""


class Leaving:
    """Passivates the agents of one host."""

    def __init__(self, cells: dict[str, Cell], boards: Boards, performer: Performer, limits: IdleLimits) -> None:
        """``cells`` are the agents that are alive: those that leave are taken out."""
        self._cells = cells
        self._boards = boards
        self._performer = performer
        self._idle = Idle(limits)
        self._asking: asyncio.Task[None] | None = None

    def rests(self, cell: Cell, now: float) -> None:
        """An agent has finished what it had, perhaps everything."""
        if cell.rests and cell.agent in self._cells:
            self._idle.add(cell.agent, now)

    def works(self, agent: str) -> None:
        """An agent has work again."""
        self._idle.remove(agent)

    def look(self, now: float, start: Start, work: Callable[[Cell], None]) -> None:
        """Let those go whose time has come; ``work`` is called for one that got mail while it said goodbye."""
        if self._asking is None or self._asking.done():
            due = self._idle.due(len(self._cells), now)
            if due:
                self._asking = start(self._ask(*self._boards.home_of_first(due), start, work))

    async def _ask(self, board: Link, agents: list[str], start: Start, work: Callable[[Cell], None]) -> None:
        try:
            granted = await board.ask("passivate", agents)
        except StigmergyError:
            return  # the host is at its end, or the board at its
        for agent in granted:
            if agent in self._idle:  # else something came right behind the answer
                self._idle.remove(agent)
                cell = self._cells[agent]
                cell.running = start(self._leave(cell, work), cell.agent)

    async def _leave(self, cell: Cell, work: Callable[[Cell], None]) -> None:
        """Let an agent say goodbye; what comes for it meanwhile waits, and brings its state."""
        cell.state = None
        try:
            await self._performer.passivate(cell.agent)
        finally:
            cell.running = None
            if cell.mailbox:
                work(cell)
            elif cell.rests:
                del self._cells[cell.agent]
