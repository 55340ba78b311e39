"""The inbox: takes in what a peer sends, and puts each letter where it goes on this host.

The rule of this file: a letter that is not as it should be is buried with its reason, and harms no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from stigmergy.protocols.envelope import Envelope, Mode
from stigmergy.protocols.errors import MailboxFull, StigmergyError, UnknownMessage
from stigmergy.protocols.ids import derive_id
from stigmergy.protocols.message import Done, Message

from ..volatile.asked import Asked
from ..volatile.guard import Sent
from ..volatile.letter import Letter
from ..volatile.player import unaccepted
from ..volatile.slot import Slot
from ..volatile.turn import Ground
from .bodies import Bodies
from .reader import Reader
from .talks import Talks
from .wire import Answer, Incoming

_letter = tuple.__new__
"""Makes a letter of its fields in half the time."""


class Correspondent(Protocol):
    """The other host, as far as its letters are concerned; see `Peer`."""

    def answer(self, ticket: int, value: Message | BaseException, taint: tuple[str, ...] = ()) -> None:
        """Answer what was asked from there."""
        ...

    def answered(self, answers: list[Answer]) -> None:
        """Answers have come from there."""
        ...

    def say(self, name: str, payload: Any) -> None:
        """Say something to the host itself."""
        ...


class Inquiry(Asked):
    """A question of another host: its answer goes back there."""

    waiting: Any = True
    """Somebody does, elsewhere."""

    def __init__(self, peer: Correspondent, ticket: int, deadline: float) -> None:
        self.deadline = deadline
        self._peer: Correspondent | None = peer
        self._ticket = ticket

    def done(self) -> bool:
        """Whether it was answered. Whether anybody still waits is known where it was asked."""
        return self._peer is None

    def answer(self, message: Message, taint: tuple[str, ...]) -> None:
        """See `Asked.answer`."""
        peer, self._peer = self._peer, None
        if peer is not None:
            peer.answer(self._ticket, message, taint)

    def fail(self, error: BaseException) -> None:
        """See `Asked.fail`."""
        peer, self._peer = self._peer, None
        if peer is not None:
            peer.answer(self._ticket, error)


class Inbox:
    """What comes from one peer."""

    def __init__(self, host: Ground, peer: Correspondent, bodies: Bodies, talks: Talks) -> None:
        self._host = host
        self._peer = peer
        self._reader = Reader(bodies, talks.of)
        self._told: set[str] = set()
        """Agents here of which the peer knows that their mailboxes are full."""

    def take(self, payload: Any) -> None:
        """Take in a parcel. Raises: Malformed."""
        letters, sound, answers, chains = self._reader.read(payload)
        host, peer, now = self._host, self._peer, self._host.now()
        places, put, make = host.places, host.arrivals.append, _letter
        host.mixed = True
        for incoming in letters if sound else self._sound(letters):
            (sender, talk, causer, cause, hops, taint, topic), to, message, number, ticket, patience, _ = incoming
            asked = Inquiry(peer, ticket, now + patience) if ticket else None
            letter = make(Letter, (message, sender, number, talk, causer, cause, hops, taint, asked, topic))
            place = places.get(to)
            if type(place) is Slot and patience >= 0 and (place.mail is None or not place.full):
                put((place, letter))
            else:
                self._put(to, letter, accepted=patience < 0)
        for incoming, chain in chains:
            self._follow(incoming, chain)
        peer.answered(answers)
        host.wake()

    def _sound(self, letters: list[Incoming]) -> Iterator[Incoming]:
        """Those whose messages are as they should be; the others are buried."""
        for incoming in letters:
            if isinstance(incoming[2], Message):
                yield incoming
            else:
                self._refuse(incoming, incoming[2])

    def _put(self, to: str, letter: Letter, *, accepted: bool) -> None:
        """Put a letter in a new place, or in a full one; who asked may only want to know that it was ``accepted``."""
        office, asked = self._host.office, letter.asked
        if accepted:
            letter = letter._replace(asked=None)
        if not to:
            office.spread(office.topic(letter.topic), letter)
        else:
            try:
                place = office.find(to)
            except StigmergyError as error:
                self._host.bury(letter._replace(asked=asked), to, "undeliverable", error)
                return
            full = self._crowd(place) if type(place) is Slot and place.full else None
            if full is not None and not letter.hops and asked is not None:
                asked.fail(full)  # from outside
                return
            office.put(place, letter)
        if accepted and asked is not None:
            asked.answer(Done(), ())

    def _follow(self, incoming: Incoming, chain: list[Any] | None) -> None:
        """Show the watchdog a letter that is deep in a chain, before it is handled."""
        head, to, message, number, *_ = incoming
        if isinstance(message, Message):
            letter = _letter(Letter, (message, head.sender, number, *head[1:6], None, head.topic))
            self._host.guard.arrived(Sent(to, letter), chain, self._host.now())

    def _crowd(self, slot: Slot) -> MailboxFull:
        """Let the peer know that a mailbox is full, and when it is not any more."""
        name = slot.name
        if name not in self._told:
            self._told.add(name)
            self._peer.say("full", name)
            roomy = slot.wants_room()
            roomy.add_done_callback(lambda _: self._relax(name))
        return slot.refusal()

    def _relax(self, name: str) -> None:
        self._told.discard(name)
        self._peer.say("roomy", name)

    def _refuse(self, incoming: Incoming, error: StigmergyError) -> None:
        """Bury a letter whose body is no message, and tell who asked."""
        head, to, _, number, ticket, _, message_type = incoming
        reason, part = "malformed", self._host.parts.get(to.partition("/")[0])
        if isinstance(error, UnknownMessage) and part is not None:
            error, reason = unaccepted(part, message_type), "undeliverable"
        mode: Mode = "post" if head.topic else "ask" if ticket else "tell"
        envelope = Envelope(
            id=derive_id(head.talk.id, head.sender, number),
            mode=mode,
            type=message_type,
            sender=head.sender,
            to=to or head.topic,
            body=b"",
            conversation=head.talk.id,
            hops=head.hops,
            taint=head.taint,
        )
        self._host.board.tell("bury", [envelope.to_wire(), reason, str(error), 0])
        if ticket:
            self._peer.answer(ticket, error)
