"""Watchers: which hosts hold copies of which areas, and what they must be told after a commit. No I/O.

The rule it keeps: a watcher gets a copy once, and then every change behind it, in order, each after it is durable.
Watching is not journaled: a board that opens again has new hosts, which ask anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .areas import Area, Entry, changes_of
from .space import Space


class Watchers:
    """Who watches what."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._hosts: dict[Area, dict[str, int]] = {}
        """By area: each host, and how many entries of the open batch its copy has already."""

    def __bool__(self) -> bool:
        return bool(self._hosts)

    def watch(self, host: str, area: Area, position: int) -> list[Any]:
        """Begin to tell a host of changes; returns its copy, told like a change.

        ``position``: how many entries the open batch has. Raises: UsageError for a trail that is not defined.
        """
        copy = self._space.copy(area)
        self._hosts.setdefault(area, {})[host] = position
        return [*area, *copy]

    def unwatch(self, host: str, areas: Sequence[Area]) -> None:
        """A host has let copies go."""
        for area in areas:
            self._leave(area, host)

    def forget(self, host: str) -> None:
        """A host is gone."""
        for area in list(self._hosts):
            self._leave(area, host)

    def committed(self, batch: Sequence[Entry]) -> dict[str, list[list[Any]]]:
        """What each host must be told of a batch that is durable now, in order: area, kind and data of each change."""
        told: dict[str, list[list[Any]]] = {}
        for position, entry in enumerate(batch):
            for area, change in changes_of(entry):
                for host, since in self._hosts.get(area, {}).items():
                    if position >= since:
                        told.setdefault(host, []).append([*area, *change])
        for hosts in self._hosts.values():
            hosts.update(dict.fromkeys(hosts, 0))
        return told

    def _leave(self, area: Area, host: str) -> None:
        hosts = self._hosts.get(area)
        if hosts is not None:
            hosts.pop(host, None)
            if not hosts:
                del self._hosts[area]
