"""Dead letters: what could not be delivered, with a reason, an age and the chain of causes.

They are posts on the topic ``dead-letters``, so anybody can read or follow them, and nothing is
dropped silently.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.envelope import Envelope

from .exchange import Exchange
from .owners import DEAD_LETTERS, LEAD
from .topics import Topics

TOPIC: Final = DEAD_LETTERS

WRITER: Final = "board"
"""Who posts them; a copy of another shard's has that shard's number behind it."""

MAX_DETAIL: Final = 8_192
"""Characters of error text that are kept with a dead letter."""


class Death(NamedTuple):
    """How a message ended."""

    reason: str
    detail: str
    accepted_at: float
    """Unix seconds."""
    attempts: int = 0
    to: str = ""
    """The agent or the pool that had it; empty when it was refused."""


class DeadLetters:
    """Writes dead letters and counts them by reason."""

    def __init__(self, topics: Topics, exchange: Exchange) -> None:
        self._topics = topics
        self._exchange = exchange
        self.counts: dict[str, int] = {}

    def post(self, envelope: Envelope, death: Death, now: float) -> None:
        """Keep an envelope that will not be handled, and why. Once: a repeat is refused, but is no second one."""
        record: dict[str, Any] = {
            "envelope": envelope.to_wire(),
            "reason": death.reason,
            "detail": death.detail[:MAX_DETAIL],
            "attempts": death.attempts,
            "accepted_at": death.accepted_at,
            "to": death.to,
        }
        self._post(f"dead:{envelope.id}", record, now)

    def has(self, message: str) -> bool:
        """Whether a message ended here."""
        return self._topics.has(TOPIC, f"dead:{message}")

    def item(self, queue: str, item: str, detail: str, now: float, reason: str = "work item died") -> None:
        """Keep what is no message, such as a work item that nobody finished in time, and why."""
        record = {"queue": queue, "item": item, "reason": reason, "detail": detail}
        self._post(f"dead:{queue}/{item}", record, now)

    def note(self, kind: str, data: dict[str, Any]) -> None:
        """Count a dead letter of the past, if an entry is one."""
        if kind == "topics.post" and data["topic"] == TOPIC and data["writer"] == WRITER:
            self._count(unpack(data["body"])["reason"])

    def _post(self, name: str, record: dict[str, Any], now: float) -> None:
        body = pack(record)
        if self._topics.post(TOPIC, name, body, WRITER, now).news:
            self._count(record["reason"])
            if self._exchange and self._exchange.me != LEAD:
                self._exchange.put(LEAD, "dead", [name, body])

    def copy(self, shard: int, name: str, body: bytes, now: float) -> None:
        """At the lead: another shard's dead letter, which counts there; readers of the topic find all of them here."""
        self._topics.post(TOPIC, name, body, f"{WRITER}-{shard}", now)

    def _count(self, reason: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1
