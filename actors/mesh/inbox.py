"""The inbox: takes in what a peer sends, and puts each letter where it goes on this host."""

from __future__ import annotations

from typing import Any

from stigmergy.protocols.errors import MailboxFull, StigmergyError
from stigmergy.protocols.message import Done, Message

from ..volatile.guard import Sent
from ..volatile.letter import Letter
from ..volatile.slot import Slot
from ..volatile.turn import Ground
from .arrivals import Arrivals
from .bodies import Bodies
from .intake import Correspondent, Inquiry, Intake
from .quick import parcels
from .talks import Talks
from .wire import Contents, Incoming

_letter = tuple.__new__
"""Makes a letter of its fields in half the time."""


class Inbox(Intake):
    """What comes from one peer."""

    def __init__(self, host: Ground, peer: Correspondent, bodies: Bodies, talks: Talks, arrivals: Arrivals) -> None:
        super().__init__(host, peer, bodies, talks)
        self._arrivals = arrivals
        self._told: set[str] = set()
        """Agents here of which the peer knows that their mailboxes are full."""

    def take(self, payload: Any) -> None:
        """Take in a parcel. Raises: Malformed."""
        reader, host, peer, now = self._reader, self._host, self._peer, self._host.now()
        parts = reader.opened(payload)
        found = reader.letters(parts, lambda ticket, patience: Inquiry(peer, ticket, now + patience))
        if found is None:
            self._take(reader.contents(parts), now)
        else:
            letters, answers = found
            parcels.deliver(letters, host.places, host.arrivals.append, self._put)
            peer.answered(answers)
        host.wake()

    def _take(self, contents: Contents, now: float) -> None:
        host, peer = self._host, self._peer
        letters, sound, answers, chains = contents
        places, put, make = host.places, host.arrivals.append, _letter
        for incoming in letters if sound else self._sound(letters):
            (sender, talk, causer, cause, hops, taint, topic), to, message, number, ticket, patience, _ = incoming
            asked = Inquiry(peer, ticket, now + patience) if ticket else None
            letter = make(Letter, (message, sender, number, talk, causer, cause, hops, taint, asked, topic))
            place = places.get(to)
            if type(place) is Slot and patience >= 0 and (place.mail is None or not place.full):
                put((place, letter))
            else:
                self._put(to, letter, patience)
        for incoming, chain in chains:
            self._follow(incoming, chain)
        peer.answered(answers)

    def bring(self, payload: Any) -> None:
        """Take in the mail of agents that move here. Raises: Malformed."""
        letters, sound, answers, chains = self._reader.read(payload)
        now, brought = self._host.now(), []
        for incoming in letters if sound else self._sound(letters):
            head, to, message, number, ticket, patience, _ = incoming
            asked = Inquiry(self._peer, ticket, now + patience) if ticket else None
            brought.append((to, _letter(Letter, (message, head[0], number, *head[1:6], asked, head[6]))))
        for incoming, chain in chains:
            self._follow(incoming, chain)
        self._arrivals.bring(self._peer.name, brought)
        self._peer.answered(answers)

    def _put(self, to: str, letter: Letter, patience: float) -> None:
        """Put a letter in a new place, or in a full one; who has no patience wants to know that it was accepted."""
        office, asked, accepted = self._host.office, letter.asked, patience < 0
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
