"""A glance: what is wrong with a journal's files, as far as they show it without being read."""

from __future__ import annotations

from typing import Final

from stigmergy.protocols.errors import JournalCorrupt, UsageError

from .files import Files, is_journal
from .inspection import missing
from .mark import read_mark
from .records import UNWRITTEN

_PAGE_SIZE_AT: Final = 16
_PAGES_AT: Final = 28
"""Where a database's header says how large it is: https://sqlite.org/fileformat.html."""


def glance(files: Files) -> str:
    """The damage that can be seen, empty when there is none. Raises: OSError."""
    if not files.mark.exists():
        return f"its high-water mark {files.mark.name} is missing" if files.database.exists() else ""
    try:
        mark = read_mark(files.mark)
        if not files.database.exists():
            return "" if mark == UNWRITTEN else str(missing(files, mark))
        if not is_journal(files.database):
            return "the header of the database is damaged"
    except (JournalCorrupt, UsageError) as why:
        return str(why)
    if files.wal.exists() and files.wal.stat().st_size:
        return ""  # the log may hold what the database is short of
    with files.database.open("rb") as file:
        header = file.read(100)
    size = int.from_bytes(header[_PAGE_SIZE_AT : _PAGE_SIZE_AT + 2], "big")
    pages = int.from_bytes(header[_PAGES_AT : _PAGES_AT + 4], "big")
    short = size * pages - files.database.stat().st_size
    return f"the database is {short:,} bytes too short" if short > 0 else ""
