"""A cell: one agent's place in a host, with the turns that it has run and the board has not committed yet.

The rule of this file: a turn that ran ahead of its predecessors' commits becomes true only if all of
them do. Nothing of it can be seen before, since the board carries out what a turn did; and it may
neither ask, act nor call anything outside until they have (optimistic execution with rollback, as in
Jefferson, "Virtual Time", 1985, but never beyond the board's word).
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

from stigmergy.protocols.turn import Delivery, Turn

from .desk import Desk


class Undone(BaseException):
    """Ends a handler that ran ahead of a turn which did not commit: it runs again, from the state before that."""


@dataclass(slots=True)
class Flight:
    """A turn on its way to its commit."""

    desk: Desk
    turn: Turn
    answer: asyncio.Future[Any]

    @property
    def committed(self) -> bool:
        """Whether the board has said yes; what is no yes begins with a word or is an error."""
        answer = self.answer
        return not answer.cancelled() and answer.exception() is None and answer.result() is None


class Cell:
    """The mailbox of one agent, its last committed state, and its turns since."""

    __slots__ = ("_settled", "agent", "beside", "flights", "mailbox", "refused", "running", "state")

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.beside = 0
        """Turns of a reentrant kind that run now."""
        self.mailbox: deque[Delivery] = deque()
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
        return self.running is None and not (self.beside or self.mailbox or self.flights or self.refused)

    @property
    def newest(self) -> str:
        """Id of the uncommitted turn that the next one builds on; empty when all have committed."""
        return self.flights[-1].turn.message if self.flights else ""

    def committed(self) -> list[Turn]:
        """The turns that the board has committed since this was last asked; stops at one that it refused."""
        found = []
        while self.flights and not self.refused and self.flights[0].answer.done():
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
