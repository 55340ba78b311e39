"""Sends: every message that an entry of a journal shows, also those that were never accepted.

The rule it keeps: a message counts once. A dead letter that was accepted before is no second message.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stigmergy.actors.board.dead_letters import TOPIC as DEAD_LETTERS
from stigmergy.actors.journal import Entry
from stigmergy.protocols.codec import unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import WireError
from stigmergy.protocols.series import Series


class DeadLetter(NamedTuple):
    """What could not be delivered or handled, and why: a message, or a work item."""

    at: float
    """Unix seconds."""
    id: str
    type: str
    sender: str
    to: str
    conversation: str
    cause: str
    """Id of the message whose turn sent it."""
    reason: str
    detail: str
    attempts: int
    age_s: float
    """From its acceptance to its end; 0 when it was refused at once."""
    refused: Envelope | None = None
    """The message, if it was never accepted."""

    def to_plain(self) -> dict[str, Any]:
        """As plain data, without the body, which `stigmergy trace` shows."""
        plain = self._asdict()
        plain["refused"] = self.refused is not None
        return plain


class Burials:
    """Finds the dead letters in entries, which it must see in order."""

    def __init__(self) -> None:
        self._buried = ""
        """The letter whose end was the last one seen: its dead letter comes next."""

    def dead_letter(self, entry: Entry) -> DeadLetter | None:
        """The dead letter that an entry writes, if it writes one."""
        if entry.kind == "mail.dead":
            self._buried = entry.data["id"]
        if entry.kind != "topics.post" or entry.data["topic"] != DEAD_LETTERS:
            return None
        record = unpack(entry.data["body"])
        if "envelope" not in record:
            item = (record["item"], "work item", "", record["queue"], "", "")
            return DeadLetter(entry.at, *item, record["reason"], record["detail"], 0, 0.0)
        e = Envelope.from_wire(record["envelope"])
        return DeadLetter(
            entry.at,
            *(e.id, e.type, e.sender, e.to, e.conversation, e.cause),
            *(record["reason"], record["detail"], record["attempts"]),
            age_s=max(0.0, entry.at - record["accepted_at"]),
            refused=None if e.id == self._buried else e,
        )


def sent(entry: Entry, dead: DeadLetter | None) -> list[Envelope]:
    """The messages that an entry shows for the first time; ``dead`` is the dead letter of the same entry."""
    if dead is not None:
        return [] if dead.refused is None else [dead.refused]
    if entry.kind in {"mail.accept", "mail.reply", "swarm.told"}:
        envelope = Envelope.from_wire(entry.data["e"])
        # An answer that is an error comes from the board, and nobody pays for it.
        return [] if envelope.mode == "error" else [envelope]
    return posted(entry)


def posted(entry: Entry) -> list[Envelope]:
    """The messages that an entry puts on a topic; what is no message of an agent is none."""
    if entry.kind == "topics.series":
        return list(Series.kept(entry.data["series"]).envelopes())
    if entry.kind == "topics.posts":
        bodies = [body for _, body in entry.data["posts"]]
    elif entry.kind == "topics.post" and entry.data["topic"] != DEAD_LETTERS:
        bodies = [entry.data["body"]]
    else:
        return []
    return [envelope for body in bodies if (envelope := _envelope_in(body)) is not None]


def _envelope_in(body: bytes) -> Envelope | None:
    try:
        return Envelope.from_wire(unpack(body))
    except WireError:
        return None
