"""The gate: what a shard says waits for what it has written elsewhere.

The rule of this file: words go out in the order in which they were decided, and none before the writes that came before
it can be read where they belong. So whoever has an answer also finds what its turn has written, on whichever shard.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from .exchange import Exchange
from .outbox import Event, Out


class Held(NamedTuple):
    """The words of one commit."""

    frames: list[Out]
    events: list[Event]
    written: list[tuple[int, int]]
    """What must be confirmed first, as (shard, number)."""


class Gate:
    """Holds words back."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._held: deque[Held] = deque()

    def let_out(self, frames: list[Out], events: list[Event]) -> tuple[list[Out], list[Event]]:
        """What may be said now, when these were decided last."""
        written = self._exchange.written
        if not (written or self._held):
            return frames, events
        if frames or events:
            self._held.append(Held(frames, events, written))
        frames, events = [], []
        while self._held and self._exchange.has(self._held[0].written):
            free = self._held.popleft()
            frames += free.frames
            events += free.events
        return frames, events
