"""The intake: reads what a peer sends, whoever puts it where it goes.

The rule of this file: a letter that is not as it should be is buried with its reason, and harms no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from stigmergy.protocols.envelope import Envelope, Mode
from stigmergy.protocols.errors import StigmergyError, UnknownMessage
from stigmergy.protocols.ids import derive_id
from stigmergy.protocols.message import Message

from ..volatile.asked import Asked
from ..volatile.player import unaccepted
from ..volatile.turn import Ground
from .bodies import Bodies
from .reader import Reader
from .talks import Talks
from .wire import Answer, Incoming


class Correspondent(Protocol):
    """The other host, as far as its letters are concerned; see `Peer`."""

    name: str

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


class Intake:
    """What comes from one peer, letter by letter."""

    def __init__(self, host: Ground, peer: Correspondent, bodies: Bodies, talks: Talks) -> None:
        self._host = host
        self._peer = peer
        self._reader = Reader(bodies, talks.of)

    def _sound(self, letters: list[Incoming]) -> Iterator[Incoming]:
        """Those whose messages are as they should be; the others are buried."""
        for incoming in letters:
            if isinstance(incoming[2], Message):
                yield incoming
            else:
                self._refuse(incoming, incoming[2])

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
