"""Holders: which host has the newest state of an agent, so that it is sent only to one that has not.

The rule of this file: what is not certain is not here; a state that is sent once too often costs bytes,
one that is missing would be lost work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


class Holders:
    """By agent: the host that has its newest state."""

    def __init__(self, states: Mapping[str, bytes], flying: Mapping[str, object]) -> None:
        """``states`` are the newest states, ``flying`` the agents that hosts have letters of."""
        self._states = states
        self._flying = flying
        self._holders: dict[str, str] = {}

    def __contains__(self, agent: str) -> bool:
        return agent in self._holders

    def __iter__(self) -> Iterator[str]:
        return iter(self._holders)

    def due(self, agent: str, host: str) -> bytes | None:
        """What must go to a host along with a letter for an agent: its state, or nothing."""
        if self._holders.get(agent) == host:
            return None
        self._holders[agent] = host
        return self._states.get(agent)

    def missed(self, agent: str) -> None:
        """What was due has not gone."""
        self._holders.pop(agent, None)

    def lost(self, host: str) -> None:
        """A host is gone."""
        for agent in [agent for agent, holder in self._holders.items() if holder == host]:
            del self._holders[agent]

    def let_go(self, agents: Iterable[str], host: str) -> list[str]:
        """A host wants to forget idle agents. Returns those that it may: no letter is on its way to them."""
        granted = [agent for agent in agents if agent not in self._flying]
        for agent in granted:
            if self._holders.get(agent) == host:
                del self._holders[agent]
        return granted
