"""Figures: everything that `stigmergy inspect` tells about a run, from one pass over its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from stigmergy.actors.journal import Entry
from stigmergy.protocols.budget import Spend

from .activity import Activity, Party
from .beginnings import is_event
from .blackboard import Blackboard
from .letters import Letters
from .lives import Lives
from .money import Money, position_to_plain
from .sends import Burials, DeadLetter, sent
from .talks import Talk, Talks

SLOWEST: Final = 10
"""Conversations that are listed."""

EXAMPLES: Final = 3
"""Dead letters that are shown for each reason."""


class Figures:
    """A fold over entries. Look at its parts when all have been applied and `close` was called."""

    def __init__(self) -> None:
        self.entries = 0
        self.has_begun = False
        """Whether anything has happened: see `beginnings`."""
        self.began = self.ended = 0.0
        """Unix seconds of the first and the last entry."""
        self.letters = Letters()
        self.activity = Activity()
        self.talks = Talks()
        self.money = Money()
        self.lives = Lives()
        self.blackboard = Blackboard()
        self.verdicts: list[dict[str, Any]] = []
        """What the loop watchdog said, with the time of each."""
        self.dead: Counter[str] = Counter()
        """Dead letters by reason."""
        self.examples: dict[str, list[DeadLetter]] = {}
        self.stop: tuple[str, str] | None = None
        """(reason, text) when the swarm stopped by itself."""
        self._burials = Burials()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Figures:
        """The figures of a whole journal."""
        figures = cls()
        for entry in entries:
            figures.apply(entry)
        figures.close()
        return figures

    def apply(self, entry: Entry) -> None:
        """Follow one entry."""
        self.entries += 1
        self.began = self.began or entry.at
        self.ended = entry.at
        self.has_begun = self.has_begun or is_event(entry)
        dead = self._burials.dead_letter(entry)
        if dead is not None:
            self._bury(dead)
        for envelope in sent(entry, dead):
            self.activity.send(envelope)
            self.talks.send(envelope, entry.at)
        moved = self.letters.apply(entry)
        self.activity.move(moved)
        self.talks.move(moved)
        self.money.apply(entry)
        self.lives.apply(entry)
        self.blackboard.apply(entry)
        match entry.kind:
            case "registry.kind":
                self.activity.register(entry.data["name"])
            case "watch.verdict":
                self.verdicts.append({"at": entry.at, **entry.data})
            case "swarm.stop":
                self.stop = (entry.data["reason"], entry.data["text"])
            case "swarm.resume":
                self.stop = None

    def close(self) -> None:
        """Count what was still open at the end."""
        self.activity.close(self.letters.open.values())

    # -- what it came to ---------------------------------------------------------------------

    @property
    def totals(self) -> Spend:
        """What the swarm spent, messages included."""
        return self.money.total().settled

    @property
    def open(self) -> int:
        """Messages that were accepted and had not ended."""
        return len(self.letters.open)

    def spent(self, party: Party) -> Spend:
        """What a kind or an agent spent, messages included for a kind."""
        kind, slash, key = party.name.partition("/")
        return self.money.spent(f"swarm/kind:{kind}" + (f"/agent:{kind}~{key}" if slash else ""))

    def kinds(self) -> list[Party]:
        """All kinds; who received most comes first."""
        return sorted(self.activity.kinds.values(), key=_busiest)

    def agents(self) -> list[Party]:
        """All agents; who received most comes first."""
        return sorted(self.activity.agents.values(), key=_busiest)

    def slowest(self) -> list[Talk]:
        """The ten conversations that took longest."""
        return sorted(self.talks.all.values(), key=lambda talk: -talk.seconds)[:SLOWEST]

    def to_plain(self) -> dict[str, Any]:
        """As plain data: what ``stigmergy inspect --json`` prints."""
        totals = self.totals
        return {
            "entries": self.entries,
            "began": self.began,
            "ended": self.ended,
            "messages": totals.messages,
            "open_messages": self.open,
            "conversations": len(self.talks.all),
            "stop": None if self.stop is None else {"reason": self.stop[0], "text": self.stop[1]},
            **cost_to_plain(totals),
            "forfeited": self.money.forfeited.calls,
            "kinds": [self._party(kind) for kind in self.kinds()],
            "agents": [self._party(agent) for agent in self.agents()],
            "accounts": [position_to_plain(at) for at in self.money.accounts()],
            "alerts": [alert.to_plain() for alert in self.money.alerts],
            "verdicts": self.verdicts,
            "dead_letters": {
                "by_reason": dict(self.dead),
                "examples": [dead.to_plain() for examples in self.examples.values() for dead in examples],
            },
            "hosts": [life.to_plain() for life in self.lives.all.values()],
            "blackboard": self.blackboard.to_plain(),
            "slowest": [talk.to_plain() for talk in self.slowest()],
        }

    def _party(self, party: Party) -> dict[str, Any]:
        return {**party.to_plain(), **cost_to_plain(self.spent(party))}

    def _bury(self, dead: DeadLetter) -> None:
        self.dead[dead.reason] += 1
        examples = self.examples.setdefault(dead.reason, [])
        if len(examples) < EXAMPLES:
            examples.append(dead)


def cost_to_plain(spend: Spend) -> dict[str, Any]:
    """What models and tools cost, as plain data."""
    return {
        "model_calls": spend.model_calls,
        "tool_calls": spend.tool_calls,
        "tokens": spend.tokens,
        "usd": spend.nano_usd / 1e9,
    }


def _busiest(party: Party) -> tuple[int, str]:
    return (-party.received - party.sent, party.name)
