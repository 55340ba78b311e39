"""Who waits for whose answer: a cycle there is a deadlock, found when the last ask closes it.

The rule of this file: an agent in an ask takes no other message, so whoever asks it waits until its
own asks are answered. A reentrant agent takes messages all the while, and an address that is not one
agent (a kind, a skill) finds a free one: neither can be part of a deadlock.
Source: the wait-for graph (Coffman, Elphick and Shoshani, "System Deadlocks", 1971), where each agent
is a resource of which there is one.
"""

from __future__ import annotations

from typing import Final

from stigmergy.protocols.ids import is_agent

from .sightings import Action, Finding, Reason

_MOST: Final = 10_000
"""Agents visited in one search. A wider tangle of open asks is left to their deadlines."""


class Waits:
    """Open asks between agents."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: dict[str, dict[str, list[float]]] = {}
        """By asker and asked agent: when each open ask began."""

    def __len__(self) -> int:
        return sum(len(times) for asked in self._asked.values() for times in asked.values())

    def begin(self, asker: str, asked: str, at: float, *, reentrant: bool) -> Finding | None:
        """Open an ask. Returns a finding if it closes a cycle; the ask is open all the same."""
        if reentrant or not is_agent(asked):
            return None
        path = self._path(asked, asker, at)
        self._asked.setdefault(asker, {}).setdefault(asked, []).append(at)
        return self._finding(asker, path)

    def still(self, asker: str, asked: str, at: float) -> Finding | None:
        """A finding if an ask closes a cycle that was there at that time and still is: each of its asks is as old."""
        if not _since(self._asked.get(asker, {}).get(asked), at):
            return None
        return self._finding(asker, self._path(asked, asker, at))

    def __contains__(self, asker: str) -> bool:
        return asker in self._asked

    @staticmethod
    def _finding(asker: str, path: list[str] | None) -> Finding | None:
        if path is None:
            return None
        agents = (asker, *path[:-1])
        text = " waits for ".join((*agents, asker))
        return Finding(Action.QUARANTINE, Reason.DEADLOCK, agents, text, len(agents))

    def end(self, asker: str, asked: str) -> None:
        """Close the oldest ask between the two: answered, failed or given up. Unknown ones are ignored."""
        open_asks = self._asked.get(asker)
        times = open_asks.get(asked) if open_asks else None
        if not open_asks or not times:
            return
        times.pop(0)
        if not times:
            del open_asks[asked]
            if not open_asks:
                del self._asked[asker]

    def leave(self, asker: str) -> None:
        """Close all asks of an agent whose turn is over: it waits for nobody."""
        self._asked.pop(asker, None)

    def drop_before(self, at: float) -> None:
        """Forget asks that began before ``at``."""
        for asker, open_asks in list(self._asked.items()):
            for asked, times in list(open_asks.items()):
                for _ in [time for time in times if time < at]:
                    self.end(asker, asked)

    def _path(self, start: str, goal: str, at: float) -> list[str] | None:
        """The chain of asks from ``start`` to ``goal`` that are open since then, both included, or None."""
        if start == goal:
            return [goal]
        came_from = {start: start}
        frontier = [start]
        while frontier and len(came_from) < _MOST:
            agent = frontier.pop()
            for asked, times in self._asked.get(agent, {}).items():
                if asked in came_from or not _since(times, at):
                    continue
                came_from[asked] = agent
                if asked == goal:
                    path = [goal]
                    while path[-1] != start:
                        path.append(came_from[path[-1]])
                    return path[::-1]
                frontier.append(asked)
        return None


def _since(times: list[float] | None, at: float) -> bool:
    """Whether one of some asks was open at that time."""
    return times is not None and len(times) > 0 and times[0] <= at
