"""Activity: who received, sent, finished and failed how much, by kind and by agent."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from stigmergy.protocols.envelope import Envelope

from .letters import Letter


@dataclass(slots=True)
class Party:
    """The figures of one kind or one agent."""

    name: str
    received: int = 0
    """Messages accepted for it; for an agent, those that it was handed."""
    sent: int = 0
    """Messages that it sent: tells, asks, answers and posts."""
    turns: int = 0
    """Turns that committed."""
    failures: int = 0
    """Attempts whose handler failed."""
    retries: int = 0
    """Attempts after the first, those after the loss of a host included."""
    dead: int = 0
    """Messages that ended as dead letters."""
    latencies_s: array[float] = field(default_factory=lambda: array("d"))
    """From acceptance to commit, one for each turn."""

    def percentile_ms(self, share: float) -> float | None:
        """The latency that this share of the turns did not exceed, in milliseconds; None without turns."""
        found = percentile(self.latencies_s, share)
        return None if found is None else round(found * 1e3, 3)

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        counts = ("name", "received", "sent", "turns", "failures", "retries", "dead")
        latency = {"p50": self.percentile_ms(0.5), "p95": self.percentile_ms(0.95)}
        return {**{name: getattr(self, name) for name in counts}, "latency_ms": latency}


class Activity:
    """Figures of all kinds and agents."""

    def __init__(self) -> None:
        self.kinds: dict[str, Party] = {}
        self.agents: dict[str, Party] = {}

    def register(self, kind: str) -> None:
        """Begin a kind, so that it shows even if nothing ever reached it."""
        _of(self.kinds, kind)

    def send(self, envelope: Envelope) -> None:
        """Count a message for its sender. What the board answers in somebody's name may name a kind or a skill."""
        if "/" in envelope.sender:
            _of(self.agents, envelope.sender).sent += 1
            _of(self.kinds, envelope.sender.partition("/")[0]).sent += 1

    def move(self, letters: Iterable[Letter]) -> None:
        """Count what has just become of some letters."""
        for letter in letters:
            if letter.ended:
                self._end(letter)
            elif not letter.attempts:
                _of(self.kinds, letter.kind).received += 1
            elif len(letter.attempts) == 1 and letter.outcome == "running":
                _of(self.agents, letter.agent).received += 1

    def close(self, letters: Iterable[Letter]) -> None:
        """Count the attempts of letters that are still open."""
        for letter in letters:
            for party in self._parties(letter):
                _count_attempts(party, letter)

    def _end(self, letter: Letter) -> None:
        for party in self._parties(letter):
            _count_attempts(party, letter)
            if letter.outcome == "done":
                party.turns += 1
                party.latencies_s.append(letter.ended - letter.accepted)
            else:
                party.dead += 1

    def _parties(self, letter: Letter) -> list[Party]:
        agent = [_of(self.agents, letter.agent)] if letter.agent else []
        return [_of(self.kinds, letter.kind), *agent]


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all do not exceed (nearest rank); None for no values."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def _of(parties: dict[str, Party], name: str) -> Party:
    party = parties.get(name)
    if party is None:
        party = parties[name] = Party(name)
    return party


def _count_attempts(party: Party, letter: Letter) -> None:
    party.failures += letter.failures
    party.retries += max(0, len(letter.attempts) - 1)
