"""Talks: an index of all conversations of a run, and the search for one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from stigmergy.actors.journal import Entry
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import UsageError

from .letters import Letter, Letters
from .sends import Burials, sent

SHOWN_IDS = 6
"""How many ids an error message lists."""


@dataclass(slots=True)
class Talk:
    """One conversation, in short."""

    id: str
    sender: str
    to: str
    type: str
    """Of the message that began it."""
    began: float
    """Unix seconds."""
    ended: float
    """Unix seconds of the last thing that is known to belong to it."""
    messages: int = 0
    """That were sent and paid for."""

    @property
    def seconds(self) -> float:
        """From its first to its last sign."""
        return self.ended - self.began

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "seconds": round(self.seconds, 6)}


class Talks:
    """All conversations by id."""

    def __init__(self) -> None:
        self.all: dict[str, Talk] = {}

    def send(self, envelope: Envelope, at: float) -> None:
        """Count a message for its conversation. What the board answers in somebody's name is paid by nobody."""
        talk = self.all.get(envelope.conversation)
        if talk is None:
            begun = Talk(envelope.conversation, envelope.sender, envelope.to, envelope.type, at, at)
            talk = self.all[envelope.conversation] = begun
        talk.messages += envelope.mode != "error"
        talk.ended = max(talk.ended, at)

    def move(self, letters: Iterable[Letter]) -> None:
        """Note that something has become of some letters."""
        for letter in letters:
            talk = self.all.get(letter.envelope.conversation)
            if talk is not None:
                talk.ended = max(talk.ended, letter.ended)

    def largest(self) -> Talk | None:
        """The conversation with the most messages; the first of several."""
        return max(self.all.values(), key=lambda talk: talk.messages, default=None)


class Search:
    """Looks for one conversation by the beginning of its id, or of the id of one of its messages."""

    def __init__(self, wanted: str) -> None:
        """A copy of a post, ``<post id>.<n>``, is found by its post."""
        self._wanted = wanted.partition(".")[0]
        self._talks = Talks()
        self._holders: dict[str, str] = {}
        """Messages whose id begins so: id to conversation."""
        self._letters, self._burials = Letters(), Burials()

    def apply(self, entry: Entry) -> None:
        """Look at one entry."""
        for envelope in sent(entry, self._burials.dead_letter(entry)):
            self._talks.send(envelope, entry.at)
            if envelope.id.startswith(self._wanted):
                self._holders[envelope.id] = envelope.conversation
        self._talks.move(self._letters.apply(entry))

    def largest(self) -> Talk:
        """The conversation with the most messages. Raises: UsageError when there is none."""
        largest = self._talks.largest()
        if largest is None:
            raise UsageError("this run has no conversation yet: nobody has sent anything")
        return largest

    def found(self) -> tuple[Talk, str]:
        """The conversation, and the message if it was found by one (else empty). Raises: UsageError."""
        known, wanted = self._talks.all, self._wanted
        talks = [wanted] if wanted in known else [talk for talk in known if talk.startswith(wanted)]
        messages = [wanted] if wanted in self._holders else list(self._holders)
        if len(talks) == 1:
            return known[talks[0]], ""
        if not talks and len(messages) == 1:
            return known[self._holders[messages[0]]], messages[0]
        several = talks or messages
        if several:
            shown = ", ".join(found[:12] for found in several[:SHOWN_IDS])
            raise UsageError(f"{len(several):,} ids begin with {wanted!r} ({shown}, ...): give more of the id")
        raise UsageError(
            f"no conversation or message of this run has an id that begins with {wanted[:80]!r}: "
            "`stigmergy inspect` lists the slowest conversations, --largest takes the one with the most messages"
        )
