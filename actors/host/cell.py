"""A cell: one agent's place in a host, with the turns that it has run and the board has not committed yet.

The rule of this file: a turn that ran ahead of its predecessors' commits becomes true only if all of
them do. Nothing of it can be seen before, since the board carries out what a turn did; and it may
neither ask, act nor call anything outside until they have (optimistic execution with rollback, as in
Jefferson, "Virtual Time", 1985, but never beyond the board's word).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from stigmergy.protocols.turn import Delivery, Turn

from .desk import Desk


class Undone(BaseException):
    """Ends a handler that ran ahead of a turn which did not commit: it runs again, from the state before that."""


def is_undone(error: BaseException) -> bool:
    """Whether a handler ended with that, alone or among other things."""
    return isinstance(error, Undone) or (isinstance(error, BaseExceptionGroup) and error.subgroup(Undone) is not None)


class Flight:
    """A turn on its way to its commit."""

    __slots__ = ("_answer", "_error", "_waiting", "desk", "done", "turn")

    def __init__(self, desk: Desk, turn: Turn) -> None:
        self.desk = desk
        self.turn = turn
        self.done = False
        """Whether the board has answered."""
        self._answer: Any = None
        self._error: BaseException | None = None
        self._waiting: asyncio.Future[None] | None = None

    def answered(self, answer: Any, error: BaseException | None) -> None:
        """The board has answered, or never will."""
        self._answer, self._error, self.done = answer, error, True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    @property
    def committed(self) -> bool:
        """Whether the board has said yes; what is no yes begins with a word or is an error."""
        return self.done and self._answer is None and self._error is None

    async def word(self) -> Any:
        """The board's answer, when it is there. Raises: what it raised."""
        if not self.done:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        if self._error is not None:
            raise self._error
        return self._answer


class Cell:
    """The mailbox of one agent, its last committed state, and its turns since."""

    __slots__ = ("_settled", "agent", "beside", "flights", "mailbox", "queued", "refused", "running", "state")

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.beside = 0
        """Turns of a reentrant kind that run now."""
        self.mailbox: deque[Delivery] = deque()
        self.queued = False
        """Whether it waits in the host's queue for its turns."""
        self.running: asyncio.Task[None] | None = None
        self.state: bytes | None = None
        self.flights: deque[Flight] = deque()
        """Turns that have no answer yet, oldest first; each commits only after the one before it."""
        self.refused = False
        """The first of them did not commit, so all of them are to run again."""
        self._settled: asyncio.Future[bool] | None = None

    @property
    def rests(self) -> bool:
        """Whether there is nothing to do, and nothing to wait for."""
        busy = self.running is not None or self.queued or self.beside
        return not (busy or self.mailbox or self.flights or self.refused)

    @property
    def newest(self) -> str:
        """Id of the uncommitted turn that the next one builds on; empty when all have committed."""
        return self.flights[-1].turn.message if self.flights else ""

    def committed(self) -> list[Turn]:
        """The turns that the board has committed since this was last asked; stops at one that it refused."""
        found = []
        while self.flights and not self.refused and self.flights[0].done:
            if self.flights[0].committed:
                found.append(self.flights.popleft().turn)
            else:
                self.refused = True
        if (self.refused or not self.flights) and self._settled is not None:
            settled, self._settled = self._settled, None
            settled.set_result(not self.refused)
        return found

    async def settled(self) -> None:
        """Wait until everything before has committed. Raises: Undone when it did not."""
        while self.flights and not self.refused:
            if self._settled is None:
                self._settled = asyncio.get_running_loop().create_future()
            if not await asyncio.shield(self._settled):
                raise Undone
        if self.refused:
            raise Undone

    def take_back(self) -> Flight:
        """The turn that was refused; those that ran ahead of it wait in the mailbox again."""
        refused, *later = self.flights
        self.flights.clear()
        self.refused = False
        for flight in later:
            flight.desk.abandon()
        self.mailbox.extendleft(flight.desk.delivery for flight in reversed(later))
        return refused
