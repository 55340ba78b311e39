"""The replica: copies of trails, facts and topics on a host, for readers who say how old an answer may be.

The rule it keeps: what it gives away was true at the board no longer ago than the reader allows, by this host's own
steady clock; when nobody knows, the board is asked. The bound (not the clocks of two machines, and not how soon the
board's changes arrive) rests on one request, which all readers share: an answer of the board comes behind all changes
that were durable when it was asked.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, NoReturn

from ..board.areas import Area, area_of
from ..board.space import Space
from ..clock import Clock
from ..transport.link import Link

IDLE_S: Final = 60.0
"""A copy that nobody has read for so long is let go."""

MOST_AREAS: Final = 1_000
"""Copies that one host holds; beyond them the board is asked."""


class Replica:
    """What one host has copies of."""

    def __init__(self, board: Link, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._copies: dict[Area, Space] = {}
        self._fresh: dict[Area, float] = {}
        """By area: the steady time at which its copy was asked for."""
        self._read: dict[Area, float] = {}
        self._synced = float("-inf")
        self._ahead = 0.0
        """The board's time less our steady time."""
        self._watching: dict[Area, asyncio.Task[None]] = {}
        self._syncing: tuple[float, asyncio.Task[None]] | None = None

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float) -> Any:
        """Read something that may be so old. Raises: UsageError, and what the link raises."""
        area = area_of(operation, arguments)
        if area is None or max_age_s <= 0 or (area not in self._copies and len(self._copies) >= MOST_AREAS):
            return await self._board.ask("look", [operation, arguments])
        await self._freshen(area, max_age_s)
        copy = self._copies[area]
        if area[0] == "topics" and arguments.get("after", 0) + 1 < copy.topics.first_offset(area[1]):
            return await self._board.ask("look", [operation, arguments])  # older than what a copy begins with
        return copy.look(operation, arguments, self._clock.steady() + self._ahead)

    def change(self, entries: list[list[Any]]) -> None:
        """Follow the board: a whole copy, or what has changed since. What was let go is passed over."""
        for part, name, kind, data in entries:
            if kind == f"{part}.copy":
                self._copies[part, name] = Space(_nothing_is_decided_here)
            if (part, name) in self._copies:
                self._copies[part, name].apply(kind, data)

    def let_go(self) -> None:
        """Drop the copies that nobody reads any more; call it now and then."""
        before = self._clock.steady() - IDLE_S
        idle = [area for area, read in self._read.items() if read < before and area in self._fresh]
        for area in idle:
            del self._copies[area], self._fresh[area], self._read[area]
        if idle:
            self._board.tell("unwatch", [list(area) for area in idle])

    async def _freshen(self, area: Area, max_age_s: float) -> None:
        self._read[area] = self._clock.steady()
        if area not in self._fresh:
            if area not in self._watching:
                self._watching[area] = asyncio.get_running_loop().create_task(self._watch(area))
            await asyncio.shield(self._watching[area])
        oldest = self._clock.steady() - max_age_s
        while max(self._fresh[area], self._synced) < oldest:
            if self._syncing is None:
                now = self._clock.steady()
                self._syncing = (now, asyncio.get_running_loop().create_task(self._sync(now)))
            await asyncio.shield(self._syncing[1])

    async def _watch(self, area: Area) -> None:
        asked = self._clock.steady()
        try:
            now = await self._board.ask("watch", list(area))  # the copy itself comes before this answer
            self._fresh[area] = asked
            self._ahead = now - self._clock.steady()
        finally:
            del self._watching[area]

    async def _sync(self, asked: float) -> None:
        try:
            now = await self._board.ask("now")
            self._synced = asked
            self._ahead = now - self._clock.steady()
        finally:
            self._syncing = None


def _nothing_is_decided_here(kind: str, _data: dict[str, Any]) -> NoReturn:
    raise AssertionError(f"a replica was told to write {kind}")
