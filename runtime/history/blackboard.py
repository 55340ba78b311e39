"""What was on the blackboard at the end: topics, facts, claims and trails.

The state is the machines' own, from a replay of their entries; only what they do not keep, how often
something was done, is counted here.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from stigmergy.actors.board.space import Space
from stigmergy.actors.journal import Entry

_PARTS: Final = frozenset({"topics", "facts", "claims", "trails"})

LISTED_FACTS: Final = 1_000
"""Fact keys that are listed."""


class Blackboard:
    """The shared space of a run, replayed."""

    def __init__(self) -> None:
        self._space = Space(_refuse)
        self._written: Counter[str] = Counter()
        """Writes by trail, and of facts."""

    def apply(self, entry: Entry) -> None:
        """Follow one entry."""
        part, _, verb = entry.kind.partition(".")
        if part not in _PARTS:
            return
        self._space.apply(entry.kind, entry.data)
        if part == "facts" and verb == "write":
            self._written["facts"] += len(entry.data["changes"])
        elif part == "trails" and verb in {"deposit", "blend", "diffuse"}:
            self._written[f"trails/{entry.data['trail']}"] += 1

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {"topics": self._topics(), "facts": self._facts(), "claims": self._claims(), "trails": self._trails()}

    def _topics(self) -> list[dict[str, Any]]:
        topics = self._space.topics
        return [
            {"topic": name, "posts": topics.last_offset(name), "followers": topics.members(name, "agents")}
            for name in topics.topics()
        ]

    def _facts(self) -> dict[str, Any]:
        facts = self._space.facts
        keys = facts.keys(limit=LISTED_FACTS)
        return {"keys": len(facts), "writes": self._written["facts"], "listed": keys}

    def _claims(self) -> list[dict[str, Any]]:
        claims = self._space.claims
        depths = ((queue, claims.depth(queue)) for queue in claims.snapshot()["queues"])
        return [
            {"queue": queue, "ready": at.ready, "taken": at.taken, "dead": at.dead, "done": at.done}
            for queue, at in depths
        ]

    def _trails(self) -> list[dict[str, Any]]:
        trails = self._space.trails.snapshot()["trails"]
        return [
            {"trail": name, "keys": len(trail["values"]), "writes": self._written[f"trails/{name}"]}
            for name, trail in trails.items()
        ]


def _refuse(kind: str, _data: dict[str, Any]) -> None:
    raise AssertionError(f"a replayed blackboard wrote {kind}")
