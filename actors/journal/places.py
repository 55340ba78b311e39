"""Where a journal is, in one string, and how that place is opened.

The rule of this file: whoever opens a journal by its place asks here, so a board, a resumed run and
``stigmergy inspect`` all find the same one. A place is the path of a SQLite file; empty text is memory.
"""

from __future__ import annotations

from .memory import MemoryJournal
from .port import Journal
from .sqlite import SqliteJournal
from .view import ReadOnlyJournal


def open_journal(place: str, durability: str = "fsync") -> Journal:
    """Open the journal at ``place`` for writing, or start one there. Raises: UsageError, JournalError."""
    return SqliteJournal.open(place, durability=durability) if place else MemoryJournal()


def open_view(place: str, *, intact_prefix: bool = False) -> ReadOnlyJournal:
    """Look into the journal at ``place``, changing nothing.

    With ``intact_prefix`` a damaged one serves what stands before the damage, instead of raising.

    Raises: UsageError (there is none), JournalCorrupt, JournalError.
    """
    return SqliteJournal.open_readonly(place, intact_prefix=intact_prefix)
