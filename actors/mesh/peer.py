"""A peer: another host as one host sees it, what waits to go there, and what is asked there.

What is ready when a call can be made goes into that call, as one parcel; answers that are ready when the peer's own
call returns ride back in it. See `Link`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from stigmergy.protocols.errors import HostLost, Oversized
from stigmergy.protocols.message import Message

from ..transport.link import WINDOW, Link
from ..volatile.asked import UNTIL_ACCEPTED
from ..volatile.letter import Letter
from ..volatile.places import Far
from ..volatile.turn import Ground
from .bodies import Bodies
from .talks import Talks
from .wire import Answer, Outgoing
from .writer import Writer

MANY: Final = 1_000
"""Letters in one parcel, at most."""

PIECE: Final = 256
"""Letters that are worth a call of their own: so many go while the next ones are made ready, and those while the first
are answered."""

LARGE: Final = 80 * 1024
"""Bytes that a parcel shall have. Over 100 kB Ray uses its object store: 15 % fewer tells a second (measured)."""

LONG: Final = 10_000
"""Letters that may wait for a peer; then the turns that send there wait, too."""


class Peer:
    """One other host, or a driver: the way there."""

    def __init__(self, host: Ground, link: Link, bodies: Bodies, talks: Talks) -> None:
        self.name = link.peer
        """This life of it: ``name.epoch``."""
        self.link = link
        self.room: list[asyncio.Future[None]] | None = None
        """Turns that wait until there is room for more."""
        self.crowded: set[str] = set()
        """Agents there whose mailboxes are full."""
        self.tight = False
        """Whether any sender may have to wait."""
        self.everyone = Far("", self)
        """All agents there that follow a topic."""
        self.follows: dict[str, None] = {}
        """Topics that agents there follow."""
        self._host = host
        self._writer = Writer(bodies, self._enlist, talks.meet, host.guard.carried, host.guard.shallow)
        self._outbox: deque[Outgoing] = deque()
        self._answers: list[Answer] = []
        self._many = MANY
        self._tickets = 0
        self._reason = "no link"
        """Why it is gone, once it is."""
        self._open: dict[int, Outgoing] = {}
        """What was asked there, by ticket, until it is answered."""
        link.fill = self._fill

    # -- out ---------------------------------------------------------------------------------

    def put(self, to: str, letter: Letter) -> None:
        """Send a letter there."""
        self._outbox.append((to, letter))
        if self.link.lost or not self.link.stirred:
            self._stir()

    def answer(self, ticket: int, value: Message | BaseException, taint: tuple[str, ...] = ()) -> None:
        """Answer what was asked from there."""
        self._answers.append((ticket, value, taint))
        if not self.link.stirred:
            self.link.stir()

    def say(self, name: str, payload: Any) -> None:
        """Say something to the host itself, whatever waits."""
        self.link.tell(name, payload)

    def say_last(self, name: str, payload: Any) -> None:
        """Say something to the host itself, behind all that waits."""
        self.collect()
        self.link.tell(name, payload)

    def collect(self) -> None:
        """Let all that waits be on its way before what is said next."""
        while (self._outbox or self._answers) and not self.link.lost:
            self._fill()

    def bring(self, letters: list[Outgoing]) -> None:
        """Send the mail of agents that move there."""
        self.collect()
        for first in range(0, len(letters), MANY):
            self._outbox.extend(letters[first : first + MANY])
            while self._outbox:
                self._fill("brought")

    @property
    def full(self) -> bool:
        """Whether senders shall wait."""
        return len(self._outbox) >= LONG

    @property
    def waiting(self) -> int:
        """Letters that wait, and calls that have not returned."""
        return len(self._outbox) + self.link.pending

    def crowd(self, agent: str) -> None:
        """The mailbox of an agent there is full."""
        self.crowded.add(agent)
        self.tight = True

    def relax(self, agent: str) -> None:
        """It is not full any more."""
        self.crowded.discard(agent)
        self.let_in()

    def let_in(self) -> None:
        """Those who wait for room look again."""
        room, self.room = self.room, None
        for sender in room or ():
            if not sender.done():
                sender.set_result(None)

    def lost(self, reason: str) -> None:
        """It is gone: who asked something there hears so, and what waits for it is buried."""
        self._reason = reason
        asked, self._open = self._open, {}
        for to, letter in asked.values():
            if letter.asked is not None and not letter.asked.done():
                letter.asked.fail(self._loss(to))
        self._bury_all()
        self.crowded.clear()
        self.let_in()

    def _stir(self) -> None:
        if self.link.lost:
            self._bury_all()
        else:
            self.link.stir()

    def _fill(self, word: str = "mail") -> None:
        """Put what is ready on the link, as one parcel."""
        outbox = self._outbox
        if not outbox and not self._answers:
            return
        most = min(self._many, len(outbox) + len(self._answers))
        while not self._send(word, most):
            most //= 2
        if len(outbox) >= LONG:
            self.tight = True
        elif self.tight:
            self.tight = bool(self.crowded)
            self.let_in()

    def _send(self, word: str, most: int) -> bool:
        """Put so many letters and answers on the link, half of them answers if need be. False when they are too large.

        Raises: Oversized for one alone, which no letter and no answer is.
        """
        outbox, answers, tickets = self._outbox, self._answers, self._tickets
        replies = answers[: max(1, most // 2) if outbox else most]
        room = max(most - len(replies), 0 if replies else 1)
        letters = [outbox.popleft() for _ in range(min(len(outbox), room, max(PIECE, len(outbox) // WINDOW)))]
        try:
            parcel = self._writer.parcel(letters, replies, self._host.now())
            self.link.tell(word, parcel.payload)
        except Oversized:
            self._writer.begin_anew()
            for ticket in range(tickets + 1, self._tickets + 1):
                del self._open[ticket]
            outbox.extendleft(reversed(letters))
            if most <= 1:
                raise
            return False
        self._answers = answers[len(replies) :]
        fits = (len(letters) + len(replies)) * LARGE // max(1, parcel.size)
        self._many = max(1, min(MANY, self._many * 2, fits))  # the next ones may be larger
        for (to, letter), error in parcel.unsendable:
            self._host.bury(letter, to, "malformed", error)
        return True

    def _enlist(self, outgoing: Outgoing) -> int:
        """A ticket for a question."""
        self._tickets += 1
        self._open[self._tickets] = outgoing
        return self._tickets

    def _bury_all(self) -> None:
        outbox, self._outbox = self._outbox, deque()
        for to, letter in outbox:
            self._host.bury(letter, to, "host lost", self._loss(to))

    def _loss(self, to: str) -> HostLost:
        why = f"{self.name}, the host of {to}, is gone ({self._reason})"
        return HostLost(f"{why}; whether {to} handled this is unknown: ask again")

    # -- in ----------------------------------------------------------------------------------

    def answered(self, answers: Iterable[Answer]) -> None:
        """Answers have come from there."""
        asked_for = self._open.pop
        for ticket, value, taint in answers:
            outgoing = asked_for(ticket, None)
            asked = None if outgoing is None else outgoing[1].asked
            if outgoing is None or asked is None:
                continue
            if not isinstance(value, Message):
                asked.fail(value)
            elif not asked.done():
                asked.answer(value, taint)
            elif asked.deadline != UNTIL_ACCEPTED:
                self._host.late(outgoing[1], outgoing[0])
