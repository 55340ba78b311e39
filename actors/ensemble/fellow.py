"""A fellow: another host, as one that goes by rounds with it sees it.

What is to go there waits until a round ends, and goes as parcels with a word behind them that ends the round. What
comes from there is taken in when its word is waited for; so nothing arrives in the middle of a round.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Any, Final

from stigmergy.protocols.errors import Oversized, StigmergyError
from stigmergy.protocols.message import Message

from ..mesh.bodies import Bodies
from ..mesh.intake import Inquiry, Intake
from ..mesh.talks import Talks
from ..mesh.wire import Answer, Outgoing
from ..mesh.writer import Writer
from ..transport.link import Link, PeerGone
from ..volatile.host import Host
from ..volatile.letter import Letter
from ..volatile.places import Elsewhere, Far

MANY: Final = 1_000
"""Letters in one parcel, at most."""

PAUSE: Final = 8
"""Parcels after which the event loop gets to turn."""

_letter = tuple.__new__
"""Makes a letter of its fields in half the time."""


class Fellow:
    """One other host: the way there, and what comes from there. See `Road` for how letters see it."""

    tight = False
    full = False
    """Nobody has to wait for room: a round is the bound."""

    def __init__(self, host: Host, link: Link, bodies: Bodies, talks: Talks) -> None:
        self.name = link.peer
        """This life of it: ``name.epoch``."""
        self.link = link
        self.room: list[asyncio.Future[None]] | None = None
        self.crowded: set[str] = set()
        self.everyone = Far("", self)
        """All agents there that follow a topic."""
        self.answers: list[tuple[Letter, Any, tuple[str, ...]]] = []
        """What has become of questions that were asked there."""
        self.acts: list[Any] = []
        """What agents there want done to the blackboard."""
        self._host = host
        self._talks = talks
        self._writer = Writer(bodies, self._enlist, talks.meet, lambda _: None, math.inf)
        self._post = Post(host, self, bodies, talks)
        self._letters: list[Outgoing] = []
        self._replies: list[Answer] = []
        self._many = MANY
        self._tickets = 0
        self._open: dict[int, Letter] = {}
        """What was asked there, by ticket."""
        self._frames: deque[tuple[str, Any]] = deque()
        self._came = asyncio.Event()
        self._lost = ""

    # -- out ---------------------------------------------------------------------------------

    def put(self, to: str, letter: Letter) -> None:
        """Send a letter there, when this round ends."""
        self._letters.append((to, letter))

    def answer(self, ticket: int, value: Message | BaseException, taint: tuple[str, ...] = ()) -> None:
        """Answer what was asked from there, when this round ends."""
        self._replies.append((ticket, value, taint))

    def say(self, name: str, payload: Any) -> None:
        """Say something to the host itself, at once."""
        self.link.tell(name, payload)

    @property
    def waiting(self) -> int:
        """What is to go there."""
        return len(self._letters) + len(self._replies)

    async def send(self, word: str, payload: Any, now: float) -> None:
        """Send all that is to go there, and a word behind it. ``now`` is the round that is over."""
        letters, self._letters = self._letters, []
        replies, self._replies = self._replies, []
        at, sent = 0, 0
        while at < len(letters) or replies:
            some = letters[at : at + self._many]
            back = replies[: self._many] if self._many > 1 or not some else []
            try:
                parcel = self._writer.parcel(some, back, now)
            except Oversized:
                self._many = max(1, self._many // 2)
                continue
            replies = replies[len(back) :]
            at += len(some)
            self._many = min(MANY, self._many * 2)
            self.link.tell("mail", parcel.payload)
            for (to, letter), error in parcel.unsendable:
                self._host.bury(letter, to, "malformed", error)
            sent += 1
            if not sent % PAUSE:
                await asyncio.sleep(0)
        self.link.tell(word, payload)

    def _enlist(self, outgoing: Outgoing) -> int:
        """A ticket for a question."""
        self._tickets += 1
        self._open[self._tickets] = outgoing[1]
        return self._tickets

    # -- in ----------------------------------------------------------------------------------

    def came(self, name: str, payload: Any) -> None:
        """A frame has come from there."""
        self._frames.append((name, payload))
        self._came.set()

    def lost(self, reason: str) -> None:
        """It is gone."""
        self._lost = reason
        self._came.set()

    async def hear(self, word: str) -> Any:
        """Take in what comes from there up to a word, and return what that says. Raises: PeerGone."""
        while True:
            while not self._frames:
                if self._lost:
                    raise PeerGone(f"{self.name}: {self._lost}")
                self._came.clear()
                await self._came.wait()
            name, payload = self._frames.popleft()
            if name == word:
                return payload
            if name == "mail":
                self._post.take(payload)
            elif name == "acts":
                self.acts += payload
            elif name == "ended":
                self._talks.end(*payload)

    def answered(self, answers: list[Answer]) -> None:
        """Answers have come from there: they are heard in the next round."""
        for ticket, value, taint in answers:
            letter = self._open.pop(ticket, None)
            if letter is not None:
                self.answers.append((letter, value, taint))


class Post(Intake):
    """Puts what a fellow has sent where it goes, to be sorted with everything else."""

    def __init__(self, host: Host, fellow: Fellow, bodies: Bodies, talks: Talks) -> None:
        super().__init__(host, fellow, bodies, talks)
        self._fellow = fellow

    def take(self, payload: Any) -> None:
        """Take in a parcel. Raises: Malformed."""
        letters, sound, answers, _ = self._reader.read(payload)
        host, fellow, now = self._host, self._fellow, self._host.now()
        places, put, make = host.places, host.office.put, _letter
        for incoming in letters if sound else self._sound(letters):
            (sender, talk, causer, cause, hops, taint, topic), to, message, number, ticket, patience, _ = incoming
            asked = Inquiry(fellow, ticket, now + patience) if ticket else None
            letter = make(Letter, (message, sender, number, talk, causer, cause, hops, taint, asked, topic))
            place = places.get(to) or self._find(to, letter)
            if place is not None:
                put(place, letter)
        fellow.answered(answers)

    def _find(self, to: str, letter: Letter) -> Any:
        office = self._host.office
        if not to:
            topic = office.topic(letter.topic)
            return Elsewhere(topic.name, lambda posted: office.spread(topic, posted))
        try:
            return office.find(to)
        except StigmergyError as error:
            self._host.bury(letter, to, "undeliverable", error)
            return None
