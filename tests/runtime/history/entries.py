"""Journal entries for tests, one a second, as the board's machines write them."""

from __future__ import annotations

from typing import Any

from stigmergy.actors.journal import Entry
from stigmergy.protocols.codec import pack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.series import Series


class Book:
    """Numbers entries and gives them times."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, kind: str, **data: Any) -> None:
        """One entry, a second after the one before."""
        number = len(self.entries) + 1
        self.entries.append(Entry(number, 1_000.0 + number, kind, data))

    def record(self, kind: str, data: dict[str, Any]) -> None:
        """The same for a machine that records."""
        self.add(kind, **data)

    def accept(self, envelope: Envelope, pool: str = "") -> None:
        """A message was taken in."""
        self.add("mail.accept", e=envelope.to_wire(), pool=pool, at=0.0)

    def attempt(self, message: str, agent: str, host: str = "host-1.1") -> None:
        """A message was handed to a host."""
        self.add("mail.attempts", of=[[message, agent, host]])

    def done(self, message: str) -> None:
        """A turn committed."""
        self.add("mail.done", id=message, state=None)

    def post(self, envelope: Envelope, *followers: str) -> None:
        """A message was put on a topic, and into its followers' mail."""
        posts = [[envelope.id, pack(envelope)]]
        self.add("topics.posts", topic=envelope.to, posts=posts, writer=envelope.sender, at=0.0)
        self._fan(envelope, followers)

    def series(self, series: Series, *followers: str) -> None:
        """A turn has posted."""
        self.add("topics.series", topic=series.to, series=series.to_wire(), at=0.0)
        for envelope in series.envelopes():
            self._fan(envelope, followers)

    def _fan(self, envelope: Envelope, followers: tuple[str, ...]) -> None:
        if followers:
            self.add("mail.fan", e=envelope.to_wire(), to=list(followers), at=0.0)

    def bury(self, envelope: Envelope, reason: str, attempts: int = 0, accepted_at: float = 1_000.0) -> None:
        """A dead letter was written."""
        letter = {"reason": reason, "detail": "why", "attempts": attempts, "accepted_at": accepted_at}
        body = pack({"envelope": envelope.to_wire(), **letter})
        self.add("topics.post", topic="dead-letters", id=f"dead:{envelope.id}", writer="board", at=0.0, body=body)


def message(id_: str, sender: str = "client/main", to: str = "scout/1", **more: Any) -> Envelope:
    """A message of conversation ``c``."""
    return Envelope(id_, more.pop("mode", "tell"), "Go@1", sender, to, b"\x80", more.pop("conversation", "c"), **more)
