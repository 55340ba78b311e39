"""Idle agents of a host: who may be forgotten, the longest idle first.

The rule of this file: looking costs what is found, not what is alive, so a host of many agents may look often.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

MOST_AT_ONCE: Final = 1_000
"""Agents that are passivated together; more wait for the next look."""


class IdleLimits(NamedTuple):
    """When an agent is passivated; it comes back with its next message."""

    after_s: float = 300.0
    """Seconds without a message; 300 s."""
    live: int = 100_000
    """Agents that a host keeps alive; above it the longest idle go at once. 100,000."""


class Idle:
    """Agents without work, in the order in which they became so."""

    def __init__(self, limits: IdleLimits) -> None:
        self._limits = limits
        self._since: dict[str, float] = {}

    def add(self, agent: str, now: float) -> None:
        """An agent has finished its work."""
        self._since.pop(agent, None)
        self._since[agent] = now

    def __contains__(self, agent: str) -> bool:
        return agent in self._since

    def remove(self, agent: str) -> None:
        """An agent has work again, or is gone."""
        self._since.pop(agent, None)

    def due(self, live: int, now: float) -> list[str]:
        """Who is to go, of a host with so many agents: the longest idle first, at most 1,000."""
        return [agent for agent, _ in zip(self._due(live, now), range(MOST_AT_ONCE), strict=False)]

    def _due(self, live: int, now: float) -> Iterator[str]:
        for number, (agent, since) in enumerate(self._since.items()):
            if number >= live - self._limits.live and now - since < self._limits.after_s:
                return
            yield agent
