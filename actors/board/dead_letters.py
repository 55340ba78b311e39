"""Dead letters: what could not be delivered, with a reason, an age and the chain of causes.

They are posts on the topic ``dead-letters``, so anybody can read or follow them, and nothing is
dropped silently.
"""

from __future__ import annotations

from typing import Any, Final

from stigmergy.protocols.codec import pack
from stigmergy.protocols.envelope import Envelope

from .topics import Topics

TOPIC: Final = "dead-letters"

MAX_DETAIL: Final = 8_192
"""Characters of error text that are kept with a dead letter."""


class DeadLetters:
    """Writes dead letters and counts them by reason."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self.counts: dict[str, int] = {}

    def post(self, envelope: Envelope, reason: str, detail: str, attempts: int, accepted_at: float, now: float) -> None:
        """Keep an envelope that will not be handled, and why."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        record: dict[str, Any] = {
            "envelope": envelope.to_wire(),
            "reason": reason,
            "detail": detail[:MAX_DETAIL],
            "attempts": attempts,
            "accepted_at": accepted_at,
        }
        self._topics.post(TOPIC, f"dead:{envelope.id}", pack(record), "board", now)

    def item(self, queue: str, item: str, detail: str, now: float) -> None:
        """Keep a work item that nobody finished in time, and why."""
        self.counts["work item died"] = self.counts.get("work item died", 0) + 1
        record = {"queue": queue, "item": item, "reason": "work item died", "detail": detail}
        self._topics.post(TOPIC, f"dead:{queue}/{item}", pack(record), "board", now)
