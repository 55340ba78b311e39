"""Meetings: the boards of several shards get to know each other, and those that have lost each other are parted.

A board that is new meets all others that are there, in both directions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from stigmergy.actors.transport.link import PeerUnavailable
from stigmergy.actors.transport.processes import Process
from stigmergy.protocols.errors import StigmergyError

from .keeper import Keeper

AGAIN_S: Final = 0.2
"""How long to wait before boards are introduced to each other again."""

APART_S: Final = 5.0
"""How long two boards that live may have no link to each other."""


class Meetings:
    """Those of one swarm's boards."""

    def __init__(self, keepers: Sequence[Keeper], now: Callable[[], float]) -> None:
        """``keepers`` are those of all shards, in order; ``now`` gives seconds that only grow."""
        self._keepers = keepers
        self._now = now
        self._under_way: dict[asyncio.Task[None], None] = {}
        self._apart: dict[tuple[int, int], float] = {}
        """Since when a shard has had no link to another, though both live."""

    def introduce(self, newcomer: Keeper) -> None:
        """Link the new board of a shard with those of all others that are there."""
        for other in self._keepers:
            if other.is_open and other is not newcomer:
                pair = (newcomer, other) if newcomer.shard > other.shard else (other, newcomer)
                task = asyncio.get_running_loop().create_task(_meet(*(one.process for one in pair)))
                self._under_way[task] = None
                task.add_done_callback(self._under_way.pop)

    def hear(self, shard: int, apart: Sequence[int]) -> None:
        """A board says to which others it has no link. If that lasts, one of two is opened again."""
        now = self._now()
        self._apart = {pair: since for pair, since in self._apart.items() if pair[0] != shard or pair[1] in apart}
        for other in apart:
            if self._under_way or not self._keepers[other].is_open:
                self._apart.pop((shard, other), None)
            elif now - self._apart.setdefault((shard, other), now) > APART_S:
                self._apart.clear()
                first, last = sorted((shard, other))
                self._keepers[last].lost(f"it has lost its link to the board of shard {first}")
                return

    def end(self) -> None:
        """Introduce nobody any more."""
        for task in list(self._under_way):
            task.cancel()


async def _meet(newer: Process, older: Process) -> None:
    """Tell two boards of each other, until they know; one that is gone meets all others when it comes back."""
    for one, other in ((newer, older), (older, newer)):
        while True:
            try:
                await one.attach(other.name, other)
                break
            except PeerUnavailable:
                await asyncio.sleep(AGAIN_S)
            except StigmergyError:
                return
