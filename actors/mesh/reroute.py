"""Reroute: the road of places that were worked out from an earlier view. Each letter finds its way anew."""

from __future__ import annotations

import asyncio

from ..volatile.letter import Letter
from ..volatile.turn import Ground


class Reroute:
    """See `Road`."""

    def __init__(self, host: Ground) -> None:
        self.room: list[asyncio.Future[None]] | None = None
        self.crowded: set[str] = set()
        self.tight = False
        self.full = False
        self.waiting = 0
        self._host = host

    def put(self, to: str, letter: Letter) -> None:
        """See `Peer.put`."""
        office = self._host.office
        office.put(office.find(to), letter)

    def say(self, name: str, payload: str) -> None:
        """Nothing: it was meant for a host of the past."""
