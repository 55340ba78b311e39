"""The port: what a store must do to hold the one durable truth of a swarm.

The rule of this file: nothing here knows a store. `MemoryJournal` and `SqliteJournal` keep these
promises, and ``tests/contracts/journal_contract.py`` checks them on any other store.

A journal is a list of entries, numbered from 1 without gaps, that only grows. It has one writer
at a time. Whoever wants to write takes the next epoch first; every append names the epoch it
writes under, so a writer that was replaced is refused (a fencing token, as in Kleppmann,
"How to do distributed locking", 2016). Calls are synchronous and come from one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from stigmergy.protocols.errors import UsageError

Batch: TypeAlias = Sequence[tuple[str, dict[str, Any]]]
"""``(kind, data)`` pairs that become durable together, or not at all."""

Durability = Literal["fsync", "process"]
"""What an acknowledged batch survives: a power failure, or the end of the writing process only."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact of the past. ``at`` is wall-clock seconds since 1970, and no part of any digest."""

    seq: int
    at: float
    kind: str
    data: dict[str, Any]


class Journal(Protocol):
    """An append-only list of entries with one writer at a time."""

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 when there is none."""
        ...

    @property
    def epoch(self) -> int:
        """The newest epoch that anybody has taken; 0 when nobody has."""
        ...

    def take_epoch(self) -> int:
        """Make the next epoch durable and return it; appends under older ones are refused from now on.

        Raises: JournalError.
        """
        ...

    def append(self, batch: Batch, at: float, epoch: int) -> int:
        """Write a batch durably and return the number of its last entry (`last_seq` for an empty batch).

        When it raises, nothing of the batch can be read. After `StorageFull` a later append may
        succeed; after a failed sync every later append is refused, because the disk may have
        dropped what it accepted (https://wiki.postgresql.org/wiki/Fsync_Errors), and whether that
        one batch is there after reopening is unknown: it is there whole, or not at all.

        Args:
            batch: Pairs of a kind (1 to 128 characters) and data: None, bool, int, float, str,
                bytes, lists and dicts of these, so that reading gives back exactly what was written.
            at: Wall-clock seconds.
            epoch: What `take_epoch` returned to this writer.

        Raises: Fenced, StorageFull, JournalError, UsageError (data that cannot be stored, or an
            epoch that nobody took).
        """
        ...

    def read(self, after: int = 0, kinds: str | tuple[str, ...] = "") -> Iterator[Entry]:
        """Entries with ``seq > after`` in order, up to the newest at the time of this call.

        Args:
            after: Number of the last entry that the caller knows.
            kinds: Only kinds that start with this prefix, or with one of these.

        Raises: JournalCorrupt (also in mid-iteration: an entry is checked before it is given out).
        """
        ...

    def digest(self) -> str:
        """32 hex digits over every ``(kind, data)`` so far, the same in every store.

        Times and epochs have no part in it, so a run that was resumed equals one that was not.
        Dicts count in their own order: ``{"a": 1, "b": 2}`` and ``{"b": 2, "a": 1}`` differ.
        """
        ...

    def close(self) -> None:
        """Let go of the store; closing twice is fine.

        Afterwards `last_seq`, `epoch` and `digest` keep their last values, everything else raises JournalError.
        """
        ...


def check_durability(wanted: str) -> Durability:
    """The durability of that name. Raises: UsageError."""
    if wanted == "fsync":
        return "fsync"
    if wanted == "process":
        return "process"
    raise UsageError(f"durability {wanted!r:.40} is unknown; use 'fsync' or 'process'")
