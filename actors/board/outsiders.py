"""Outsiders: drivers, whose requests begin conversations, and who may ask again for what they asked before.

A driver that was killed runs again from its beginning. Its requests then bear the ids that they had,
so the board knows each as a repeat, and nothing is charged or handled twice: what was answered is
answered from the journal, what is still open goes on waiting. Kept in memory is only what a replay
found, each until it is asked for: while a board lives its links deliver, and nobody repeats himself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError, pack, unpack

from ..journal.port import Entry, Journal
from .clerk import Clerk
from .machines import CLIENT, Machines

_ID: Final = Envelope._fields.index("id")
_SENDER: Final = Envelope._fields.index("sender")
_TO: Final = Envelope._fields.index("to")
_REPLY_TO: Final = Envelope._fields.index("reply_to")


class Outsiders:
    """What callers from outside are told when they repeat themselves."""

    def __init__(self, machines: Machines, clerk: Clerk, journal: Journal) -> None:
        self._m = machines
        self._clerk = clerk
        self._journal = journal
        self._told: dict[str, int] = {}
        """By ask or operation: the entry that holds its answer."""
        self._taken: set[str] = set()
        """Requests of the past, and words of decisions."""
        self._letters: Counter[str] = Counter()
        """By driver: how many messages agents have told it. It counts them too, and so knows what it missed."""

    def note(self, entry: Entry) -> None:
        """Remember a request or an answer of the past, if an entry is one."""
        if entry.kind == "mail.accept" and entry.data["e"][_SENDER].startswith(CLIENT + "/"):
            self._taken.add(entry.data["e"][_ID])
        elif entry.kind == "mail.reply" and entry.data["e"][_TO].startswith(CLIENT + "/"):
            self._told[entry.data["e"][_REPLY_TO]] = entry.seq
        elif entry.kind == "swarm.told":
            self._letters[entry.data["e"][_TO]] += 1
        elif entry.kind == "swarm.act":
            self._told[entry.data["op"]] = entry.seq
        elif entry.kind == "swarm.decided":
            self._taken.add(entry.data["word"])

    def is_repeat(self, envelope: Envelope) -> bool:
        """Whether a message was accepted before. If it was answered, it is answered again; if it waits, re-armed."""
        m = self._m
        known, told = envelope.id in self._taken, self._recall(envelope.id)
        self._taken.discard(envelope.id)
        if told is not None:
            m.outbox.tell(envelope.sender, "reply", [envelope.sender, envelope.id, told["e"]])
            return True
        if envelope.id in m.mail.letters:
            self._clerk.rearm(envelope)
            return True
        return known or (envelope.mode == "post" and m.space.topics.has(envelope.to, envelope.id))

    def act(self, op: str, act: Callable[[], Any]) -> Any:
        """Do something to the blackboard, once: a repeat gets what it got. Raises: what ``act`` raises."""
        told = self._recall(op)
        if told is not None:
            if told["error"]:
                raise unpack(*told["error"])
            return told["result"]
        try:
            result = act()
        except StigmergyError as error:
            self._m.record("swarm.act", {"op": op, "result": None, "error": list(pack(error))})
            raise
        self._m.record("swarm.act", {"op": op, "result": result, "error": None})
        return result

    def decide(self, word: str, decide: Callable[[], None]) -> None:
        """Carry out a person's decision, once: a successor knows it by its word. Raises: what ``decide`` raises."""
        if word in self._taken:
            self._taken.discard(word)
            return
        decide()
        if word:
            self._m.record("swarm.decided", {"word": word})

    def tell(self, letter: Envelope) -> None:
        """An agent tells a driver something: kept, numbered, and told."""
        self._m.do("swarm.told", {"e": letter.to_wire()})
        self._letters[letter.to] += 1
        self._m.outbox.tell(letter.to, "letter", [self._letters[letter.to], letter.to_wire()])

    def tell_again(self, peer: str, heard: int) -> None:
        """A driver has had so many messages of agents; those that come after were told, and did not arrive."""
        if self._letters[peer] <= heard:
            return
        number = 0
        for entry in self._journal.read(kinds=("swarm.told",)):
            number += entry.data["e"][_TO] == peer
            if entry.data["e"][_TO] == peer and number > heard:
                self._m.outbox.tell(peer, "letter", [number, entry.data["e"]])

    def come_back(self, peer: str) -> None:
        """A driver goes on with a run: it hears verdicts and messages again, and a stop is over."""
        m = self._m
        if m.place.is_lead:
            self._clerk.go_on()
        for entry in self._journal.read(kinds=("watch.verdict",)):
            m.outbox.tell(peer, "event", ["verdict", entry.data])
        self.tell_again(peer, 0)

    def _recall(self, name: str) -> dict[str, Any] | None:
        """The answer that a replay found, once."""
        number = self._told.pop(name, None)
        return None if number is None else next(iter(self._journal.read(after=number - 1))).data
