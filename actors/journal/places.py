"""Where a journal is, in one string, and how that place is opened.

The rule of this file: whoever opens a journal by its place asks here, so a board, a resumed run and
``stigmergy inspect`` all find the same one. A place is the path of a SQLite file, or
``postgresql://USER@HOST:PORT/DATABASE#RUN``; empty text is memory. PostgreSQL's client is imported when
such a place is there, so nobody else waits for it or needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from stigmergy.protocols.errors import NoJournal, UsageError

from .files import Files
from .lock import is_held
from .memory import MemoryJournal
from .port import Entry, Journal
from .snapshot import has_entry
from .sqlite import SqliteJournal
from .view import ReadOnlyJournal

_SCHEMES: Final = ("postgresql://", "postgres://")
_ALMOST: Final = re.compile(r"postgres\w*:|[a-z][a-z0-9+]+://", re.IGNORECASE)
"""A URL that was meant, and is none that we know: not the name of a folder."""


class Store(Protocol):
    """What keeps journals. Raises UsageError for a place that cannot work, else JournalError."""

    def open(self, place: str, durability: str = "fsync") -> Journal:
        """The journal at ``place``, for writing; a new one where there is none."""
        ...

    def view(self, place: str, *, intact_prefix: bool = False) -> ReadOnlyJournal:
        """The journal at ``place`` as it is now, for reading.

        With ``intact_prefix`` a damaged one serves what stands before the damage, instead of raising. Where there is
        none it raises NoJournal.
        """
        ...

    def has(self, place: str, wanted: Callable[[Entry], bool]) -> bool:
        """Whether some entry is wanted, read from the first to that one and no further.

        False also where that cannot be said: somebody writes the journal, or it is damaged before any such entry.
        """
        ...

    def is_there(self, place: str) -> bool:
        """Whether there is a journal at ``place``, or something that is left of one."""
        ...

    def is_open(self, place: str) -> bool:
        """Whether somebody writes the journal at ``place`` just now."""
        ...

    def discard(self, place: str) -> None:
        """Delete the journal at ``place``, unless it goes with its run's folder."""
        ...

    def shown(self, place: str) -> str:
        """The place as people and files may see it: without secrets."""
        ...

    def settled(self, place: str) -> str:
        """The place with all that another process needs to get in, secrets too; it was tried."""
        ...


class Disk:
    """The `Store` of this machine's files, and of memory for the empty place."""

    def open(self, place: str, durability: str = "fsync") -> Journal:
        """See `Store.open`."""
        return SqliteJournal.open(place, durability=durability) if place else MemoryJournal()

    def view(self, place: str, *, intact_prefix: bool = False) -> ReadOnlyJournal:
        """See `Store.view`."""
        return SqliteJournal.open_readonly(place, intact_prefix=intact_prefix)

    def has(self, place: str, wanted: Callable[[Entry], bool]) -> bool:
        """See `Store.has`."""
        return has_entry(Files.at(place), wanted)

    def is_there(self, place: str) -> bool:
        """See `Store.is_there`."""
        files = Files.at(place) if place else None
        return files is None or any(path.exists() for path in (files.database, files.mark, files.wal))

    def is_open(self, place: str) -> bool:
        """See `Store.is_open`."""
        return is_held(Files.at(place).lock)

    def discard(self, place: str) -> None:
        """See `Store.discard`."""

    def shown(self, place: str) -> str:
        """See `Store.shown`."""
        return place

    def settled(self, place: str) -> str:
        """See `Store.settled`."""
        return place


def check_there(place: str) -> None:
    """Raise unless there is a journal where one was. Raises: NoJournal, UsageError, JournalError."""
    store = store_of(place)
    if not store.is_there(place):
        raise NoJournal(f"the journal {store.shown(place)} is gone: restore it from a backup, or begin a new run")


def of_shard(place: str, shard: int) -> str:
    """Where a shard's journal is, beside that of the lead, which is shard 0: ``journal.1.db``, or run ``NAME.s1``."""
    if not (place and shard):
        return place
    if is_server(place):
        return f"{place}.s{shard}"
    path = Path(place)
    return str(path.with_name(f"{path.stem}.{shard}{path.suffix}"))


def is_server(place: str) -> bool:
    """Whether a place is on a PostgreSQL server, whether it names a run or not."""
    return place.startswith(_SCHEMES)


def store_of(place: str) -> Store:
    """What keeps the journal at ``place``. Raises: UsageError for a URL we don't know, or without its client."""
    if not is_server(place):
        if _ALMOST.match(place):
            raise UsageError(f"{place!r:.60} is no place for a journal: give postgresql://USER@HOST/DATABASE or a path")
        return Disk()
    try:
        from .postgres_store import PostgresStore
    except ImportError as missing:
        raise UsageError("a journal in PostgreSQL needs a client: pip install 'stigmergy[postgres]'") from missing
    return PostgresStore()
