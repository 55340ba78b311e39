"""Letters: messages on their way within a host, by reference; and the talks (conversations) they belong to.

A letter is named by its sender and the sender's own count, so names are the same wherever agents live
and whatever else happens. What only people and wires want (envelopes, ids in hex) is made when asked for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stigmergy.protocols.envelope import Envelope, Mode
from stigmergy.protocols.ids import derive_id
from stigmergy.protocols.message import Message, encode

from .asked import Asked


class Talk:
    """A conversation, as all its letters within a host share it."""

    __slots__ = ("__weakref__", "_id", "_parts", "ended", "messages", "pairs", "since")

    def __init__(self, *parts: str | int) -> None:
        """``parts`` are what its id is derived from; one part is the id itself."""
        self._parts = parts
        self._id = ""
        self.ended = ""
        """Why it was quarantined; empty while it is not."""
        self.messages = 0
        """Sent since its window began."""
        self.since = 0.0
        self.pairs: dict[Any, int] | None = None
        """Messages by sender and recipient, once there are many in one window."""

    @property
    def parts(self) -> tuple[str | int, ...]:
        """What makes the same conversation at another host."""
        return self._parts

    @property
    def id(self) -> str:
        """32 hex digits."""
        if not self._id:
            self._id = str(self._parts[0]) if len(self._parts) == 1 else derive_id(*self._parts)
        return self._id


class Letter(NamedTuple):
    """One message on its way. Whom it goes to is said by the place where it waits."""

    message: Message
    sender: str
    number: int
    talk: Talk
    causer: str
    """The name of the letter that caused it: its sender,"""
    cause: int
    """and its number; 0 for an outside request."""
    hops: int
    taint: tuple[str, ...]
    asked: Asked | None = None
    """Set for an ask."""
    topic: str = ""
    """Set for a post."""

    @property
    def mode(self) -> Mode:
        """As in an envelope."""
        return "post" if self.topic else "tell" if self.asked is None else "ask"

    def envelope(self, to: str) -> Envelope:
        """What a log or a turn sees of it. Raises: Malformed, Oversized."""
        return self._envelope(to, encode(self.message))

    def record(self, to: str) -> list[Any]:
        """What a dead letter shows of it: without its body, if that cannot be encoded."""
        try:
            body = encode(self.message)
        except Exception:  # noqa: BLE001 - how a field is written may be of its author
            body = b""
        return self._envelope(to, body).to_wire()

    def _envelope(self, to: str, body: bytes) -> Envelope:
        return Envelope(
            id=derive_id(self.talk.id, self.sender, self.number),
            mode=self.mode,
            type=self.message.message_type,
            sender=self.sender,
            to=self.topic or to,
            body=body,
            conversation=self.talk.id,
            cause=derive_id(self.talk.id, self.causer, self.cause) if self.hops else "",
            hops=self.hops,
            deadline=0.0 if self.asked is None else self.asked.deadline,
            taint=self.taint,
        )
