"""One conversation, whole: every message with what caused it, what became of it and what it cost.

The rule it keeps: what a turn did stands with it, and nothing is guessed. A change of the blackboard
names its turn in its operation, or stands right behind the turn's end when it was part of its commit;
a reservation's name is derived from turn, step and attempt, so it can be found again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from stigmergy.actors.journal import Entry
from stigmergy.protocols.budget import Spend
from stigmergy.protocols.codec import unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.ids import derive_id

from .letters import Letter, Letters
from .money import total
from .sends import Burials, DeadLetter, sent

_ABOUT_TRAIL: Final = frozenset({"op", "trail", "now"})

MOST_STEPS: Final = 1_024
"""Steps of a turn among which the owner of a reservation is looked for."""


class Change(NamedTuple):
    """What a turn changed on the blackboard."""

    part: str
    """``fact`` or ``trail``."""
    name: str
    """The fact's key, or the trail's name."""
    value: Any
    """What the fact holds now, None when it was deleted; what was laid on the trail."""


@dataclass(slots=True)
class Call:
    """A call of a model or a tool that was paid for."""

    began: float
    worst: Spend
    step: int = -1
    """Number of its step in the turn; -1 when that is not known."""
    attempt: int = 0
    ended: float = 0.0
    outcome: str = "reserved"
    """``reserved``, ``settled``, ``released`` (cost nothing) or ``forfeited`` (counts at its worst case)."""
    spent: Spend = field(default_factory=Spend)
    what: str = "model"
    """``model`` or ``tool``."""
    role: str = ""
    """What the model plays, or the tool's name; empty when that is not known."""
    model: str = ""


@dataclass(slots=True)
class Node:
    """A message in a conversation: sent to one, posted to a topic, or refused."""

    envelope: Envelope
    at: float
    """Unix seconds."""
    parent: str
    """Id of the message that caused it; for a delivery of a post, the post's."""
    letter: Letter | None = None
    """None for a post, and for a message that was refused."""
    refused: DeadLetter | None = None
    answer: Envelope | None = None
    answered: float = 0.0
    """Unix seconds; 0 without an answer."""
    calls: list[Call] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    """Names of what the turn did outside the swarm."""
    changes: list[Change] = field(default_factory=list)
    """What it changed on the blackboard."""

    @property
    def attempts(self) -> int:
        """How often it was handed to a host."""
        return len(self.letter.attempts) if self.letter else 0

    @property
    def seconds(self) -> float | None:
        """From its acceptance to the end of its turn; None while that is open."""
        return self.letter.ended - self.letter.accepted if self.letter and self.letter.ended else None

    @property
    def spent(self) -> Spend:
        """What the turn's calls cost."""
        return total(call.spent for call in self.calls)


class Conversation:
    """A fold over entries that keeps what belongs to one conversation."""

    def __init__(self, conversation: str) -> None:
        self.id = conversation
        self.nodes: dict[str, Node] = {}
        """By id of the message, in order of the journal."""
        self.verdicts: list[dict[str, Any]] = []
        self._letters = Letters(lambda envelope: envelope.conversation == conversation)
        self._burials = Burials()
        self._calls: dict[str, Call] = {}
        self._by_step: dict[tuple[str, int], list[Call]] = {}
        self._committed = ""
        """The turn that committed last."""

    @classmethod
    def of(cls, conversation: str, entries: Iterable[Entry]) -> Conversation:
        """The conversation in a whole journal."""
        found = cls(conversation)
        for entry in entries:
            found.apply(entry)
        return found

    @property
    def spent(self) -> Spend:
        """What all its calls cost."""
        return total(node.spent for node in self.nodes.values())

    def apply(self, entry: Entry) -> None:
        """Follow one entry."""
        part = entry.kind.partition(".")[0]
        if part == "mail":
            self._mail(entry)
        elif part == "topics":
            self._topic(entry)
        elif part == "ledger":
            self._ledger(entry)
        elif part in {"facts", "trails"} and "op" in entry.data:
            # Without an operation it was part of a commit, and nothing comes between a commit and its parts.
            node = self.nodes.get(entry.data["op"].partition(":")[0] or self._committed)
            if node is not None:
                node.changes += _changes(entry)
        elif entry.kind == "watch.verdict" and entry.data["conversation"] == self.id:
            self.verdicts.append({"at": entry.at, **entry.data})

    def _mail(self, entry: Entry) -> None:
        self._burials.dead_letter(entry)
        for letter in self._letters.apply(entry):
            envelope = letter.envelope
            if envelope.id not in self.nodes:
                parent = envelope.id.rpartition(".")[0] or envelope.cause
                self.nodes[envelope.id] = Node(envelope, entry.at, parent, letter)
        if entry.kind == "mail.reply":
            answer = Envelope.from_wire(entry.data["e"])
            node = self.nodes.get(answer.reply_to)
            if node is not None:
                node.answer, node.answered = answer, entry.at
        elif entry.kind == "mail.done":
            self._committed = entry.data["id"]
        elif entry.kind == "mail.step":
            self._step(entry.data["turn"], *entry.data["step"])

    def _topic(self, entry: Entry) -> None:
        dead = self._burials.dead_letter(entry)
        for envelope in sent(entry, dead):
            if envelope.conversation == self.id and envelope.id not in self.nodes:
                self.nodes[envelope.id] = Node(envelope, entry.at, envelope.cause, refused=dead)

    def _step(self, turn: str, number: int, key: str, result: Any, outcome: str = "") -> None:
        node = self.nodes.get(turn)
        if node is None:
            return
        what, _, rest = key.partition(":")
        if what == "run":
            node.steps.append(rest)
            return
        what = "tool" if what == "read" else what
        # Another attempt may have taken another road, and called something else at that step.
        attempt, name = node.attempts, rest.rpartition(":")[0]
        calls = [c for c in self._by_step.get((turn, number), ()) if (c.what, c.attempt) == (what, attempt)]
        for call in calls:
            call.role = name
            if what == "model":
                call.model = result.get("model", "") if isinstance(result, dict) else ""
        if what == "tool" and not calls and not outcome:
            node.steps.append(name)

    def _ledger(self, entry: Entry) -> None:
        data = entry.data
        match entry.kind:
            case "ledger.reserve" if data["account"].endswith(f"/conversation:{self.id}"):
                self._reserve(entry)
            case "ledger.settle" if data["op"] in self._calls:
                self._end(data["op"], "settled", entry.at, Spend.from_plain(data["actual"]))
            case "ledger.release" if data["op"] in self._calls:
                self._end(data["op"], "released", entry.at, Spend())
            case "ledger.expire" | "ledger.reopen":
                for op in data["ops"]:
                    if op in self._calls:
                        self._end(op, "forfeited", entry.at, self._calls[op].worst)

    def _reserve(self, entry: Entry) -> None:
        agent = entry.data["account"].split("/agent:")[-1].partition("/")[0].replace("~", "/")
        running = [
            node
            for letter in self._letters.open.values()
            if letter.agent == agent and letter.outcome == "running"
            for node in (self.nodes[letter.envelope.id],)
        ]
        worst = Spend.from_plain(entry.data["worst"])
        call = self._calls[entry.data["op"]] = Call(entry.at, worst, what="tool" if worst.tool_calls else "model")
        for node in running:
            attempt = node.attempts
            host = node.letter.attempts[-1].host if node.letter and attempt else ""
            step = _step_of(entry.data["op"], call.what, node.envelope.id, attempt, host)
            if step is not None:
                call.step, call.attempt = step, attempt
                self._by_step.setdefault((node.envelope.id, step), []).append(call)
                node.calls.append(call)
                return
        if running:
            running[-1].calls.append(call)

    def _end(self, op: str, outcome: str, at: float, spent: Spend) -> None:
        call = self._calls[op]
        call.outcome, call.ended, call.spent = outcome, at, spent


def _changes(entry: Entry) -> list[Change]:
    data = entry.data
    if entry.kind == "facts.write":
        return [Change("fact", key, packed and unpack(packed)) for key, packed in data["changes"]]
    laid = data["amounts"] if "amounts" in data else {name: data[name] for name in data if name not in _ABOUT_TRAIL}
    return [Change("trail", data["trail"], laid)]


def _step_of(op: str, what: str, turn: str, attempt: int, host: str) -> int | None:
    """The step that made a reservation, if that turn and attempt did."""
    return next((step for step in range(MOST_STEPS) if derive_id(turn, step, attempt, host, what) == op), None)
