"""Causes: who made whom send what, back to the request from outside.

The rule it keeps: it remembers two words for each message, so a journal of millions fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from stigmergy.actors.board.put_back import second_id
from stigmergy.actors.journal import Entry
from stigmergy.protocols.envelope import Envelope

from .sends import DeadLetter

MOST: Final = 1_000
"""Causes that are followed back; more would be a loop that the watchdog let pass."""


class Causes:
    """Follows accepted messages."""

    def __init__(self) -> None:
        self._sent: dict[str, tuple[str, str]] = {}
        """By message: what caused it, and its sender."""

    def followed(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The same entries, each after it was looked at."""
        for entry in entries:
            if entry.kind in {"mail.accept", "mail.fan"}:
                e = Envelope.from_wire(entry.data["e"])
                first = entry.data.get("first", 0)
                copies = range(first, first + len(entry.data.get("to", ())))
                ids = [e.id] if entry.kind == "mail.accept" else [f"{e.id}.{n}" for n in copies]
                self._sent.update((message, (e.cause, e.sender)) for message in ids)
            yield entry

    def about(self, dead: DeadLetter) -> dict[str, Any]:
        """``causes``: the senders from the first cause to the letter's own; ``put_back``: whether it was."""
        chain, cause = [dead.sender], dead.cause
        while cause in self._sent and len(chain) < MOST:
            cause, sender = self._sent[cause]
            chain.append(sender)
        return {"causes": chain[::-1], "put_back": second_id(dead.id) in self._sent}
