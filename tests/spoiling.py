"""Safeguards that both the simulator and the campaigns take away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stigmergy.actors.board.exchange import Exchange


def take_parcels_again(put: Callable[[type, str, Any], None]) -> None:
    """What another shard tells again over a new link is done again. ``put`` is a ``setattr``."""

    def again(self: Exchange, shard: int, number: int) -> bool:
        self._heard[shard] = max(number, self._heard[shard])
        self._news[shard] = None
        return True

    def from_the_last_confirmed(self: Exchange, shard: int, _number: int) -> None:
        self.lanes[shard].told = self.lanes[shard].confirmed

    put(Exchange, "take", again)
    put(Exchange, "greeted", from_the_last_confirmed)
