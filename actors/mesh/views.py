"""Views: which hosts a swarm has, and so where each of its agents lives. Values and rules, no I/O.

The board numbers them without gaps, and everybody goes through all of them in order. Of two that follow each other
everybody works out alike whose agents move where.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..registry.placement import Seat, place


class View:
    """The hosts of one moment."""

    def __init__(self, version: int = 0, lives: Sequence[str] = (), pins: Mapping[str, str] | None = None) -> None:
        """``lives`` are the hosts, as ``name.epoch``; ``pins`` the agents that were put on one of them, by its name."""
        self.version = version
        self.lives = tuple(sorted(lives))
        self.pins = dict(pins or {})
        self._life = {life.rpartition(".")[0]: life for life in self.lives}
        self._seats = [Seat(name) for name in sorted(self._life)]

    def home(self, address: str) -> str:
        """The host of an agent, or of the pool of a kind, as ``name.epoch``; empty when there is none."""
        pinned = self._life.get(self.pins.get(address, ""))
        return pinned or self._life.get(place(address, self._seats) or "", "")


class Change:
    """From one view to the next: what moves."""

    def __init__(self, before: View, now: View) -> None:
        self.before = before
        self.now = now
        self._stay = set(before.lives) & set(now.lives)
        self._new = set(now.lives) - set(before.lives)
        self._put = {agent for agent, _ in before.pins.items() ^ now.pins.items()}
        """Agents that were put on a host now, or are not any more."""
        self._pinned = {(before.home(agent), now.home(agent)) for agent in self._put}

    def sources(self, host: str) -> set[str]:
        """The hosts from which agents may come to this one."""
        if host in self._new:
            return set(self._stay)
        return {old for old, new in self._pinned if new == host and old != host and old in self._stay}

    def targets(self, host: str) -> set[str]:
        """The hosts to which agents of this one may go."""
        if host not in self._stay:
            return set()
        return self._new | {new for old, new in self._pinned if old == host and new != host and new}

    def candidates(self, agents: Iterable[str], new: str) -> Iterable[str]:
        """Who may go to a host: any of all these agents if it is new, else only who was put somewhere."""
        return agents if new in self._new else self._put

    def takes(self, agent: str, old: str, new: str) -> bool:
        """Whether an agent goes from one host to another."""
        return self.now.home(agent) == new and self.before.home(agent) == old

    @classmethod
    def from_wire(cls, fields: Sequence[Any]) -> Change:
        """What the board tells: ``[version, lives, pins, lives before, pins before]``."""
        version, lives, pins, lives_before, pins_before = fields
        return cls(View(version - 1, lives_before, pins_before), View(version, lives, pins))
