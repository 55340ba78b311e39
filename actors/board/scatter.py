"""Scatter: what a turn does to the blackboard on other shards, from the side of the turn.

The rule of this file: a turn's writes become true together with the turn, as parcels in the same append, and can be
read where they belong before anybody hears of the turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from stigmergy.protocols.codec import pack
from stigmergy.protocols.turn import Turn, Write

from .letter import Letter
from .machines import Machines
from .owners import NAMED_BY

REMEMBERED: Final = 10_000
"""Facts of other shards whose last values are remembered, to tell news from repetition."""


class Scatter:
    """Sends writes to where they belong."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines
        self._values: dict[str, bytes] = {}
        """By fact of another shard: a digest of what was last written there from here."""

    def split(self, writes: Sequence[Write]) -> tuple[Sequence[Write], Sequence[Write]]:
        """The writes that belong on this shard, and the others."""
        if not (writes and self._m.exchange):
            return writes, ()
        own = [write for write in writes if self._holder(write) is None]
        return own, [write for write in writes if self._holder(write) is not None]

    def send(self, writes: Sequence[Write], turn: Turn, letter: Letter) -> bool:
        """Send the writes of a turn that belong elsewhere. Returns whether any of them seems to be news.

        What is news only its holder knows for certain; to the loop watchdog here, a fact that was written with
        another value than the last time from here is.
        """
        parts: dict[int, list[list[Any]]] = {}
        for write in writes:
            holder = self._holder(write)
            if holder is not None:
                parts.setdefault(holder, []).append(list(write))
        for holder, some in parts.items():
            data = [some, letter.agent, letter.envelope.conversation, turn.message]
            self._m.exchange.put(holder, "write", data, letter.agent)
        return sum(self._is_news(write) for write in writes) > 0

    def _holder(self, write: Write) -> int | None:
        named_by = NAMED_BY.get(write.part)
        return None if named_by is None else self._m.holder(write.part, write.arguments[named_by])

    def _is_news(self, write: Write) -> bool:
        if write.operation != "facts.put":
            return False
        key, digest = write.arguments["key"], blake2b(pack(write.arguments["value"]), digest_size=8).digest()
        known = self._values.pop(key, None)
        if len(self._values) >= REMEMBERED:
            del self._values[next(iter(self._values))]
        self._values[key] = digest
        return known != digest
