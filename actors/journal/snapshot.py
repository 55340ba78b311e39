"""Looking into a journal that is not ours to change: finished, killed, or being written right now.

The rule of this file: copy first, open the copy. Opening the files themselves would change them
(SQLite makes a shared-memory file and may move the log into the database), and a second
connection beside a live writer is what corrupts logs before SQLite 3.51.3.

A copy is good when the log was not started anew while it was made: the database is copied first,
the log second, and the log then holds every page that changed in between. The writer leaves its
log alone while somebody copies (`mark.copying`), so one try is enough, or two.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from stigmergy.protocols.errors import JournalCorrupt, JournalError, JournalLocked, NoJournal, UsageError

from .database import connect_witness, read, translate
from .files import Files, is_journal
from .inspection import corrupt, inspect, missing
from .lock import WriterLock, is_held_here
from .mark import copying, read_mark
from .port import Entry
from .records import UNWRITTEN, Mark
from .view import ReadOnlyJournal

_TRIES: Final = 10


def copy_of(
    path: str | os.PathLike[str], *, intact_prefix: bool = False, scratch: str | os.PathLike[str] | None = None
) -> ReadOnlyJournal:
    """Copy the journal at ``path``, check the copy and open it.

    Args:
        path: The database file.
        intact_prefix: Serve the entries before the first damaged one instead of raising.
        scratch: Folder for the copy, which closing deletes; the system's temporary one by default.

    Raises: NoJournal, JournalLocked (this process writes it), JournalCorrupt, JournalError.
    """
    files = Files.at(path)
    if not files.database.exists() and not files.mark.exists():
        raise _none(files)
    if is_held_here(files.lock):
        raise JournalLocked(f"this process itself writes journal {files.database}; read from the open one")
    with ExitStack() as undo:
        try:
            folder = TemporaryDirectory(prefix="stigmergy-journal-", dir=scratch)
            undo.callback(folder.cleanup)
            copy = Files.at(Path(folder.name) / "journal.db")
            mark, damage = _witness(files)
            if not files.database.exists():
                begun = bool(damage) or mark != UNWRITTEN or files.wal.exists()
                raise missing(files, mark) if begun else _none(files)
            _copy(files, copy)
            found = inspect(copy, mark)
            found = found._replace(damage=damage or found.damage)
            if found.damage and not intact_prefix:
                raise corrupt(files, found.damage)
            connection = connect_witness(copy)
            undo.callback(connection.close)
        except sqlite3.Error as error:
            raise translate(error, f"in a copy of {files.database}") from error
        except OSError as error:
            raise JournalError(f"cannot copy journal {files.database}: {error}; pass scratch= with room") from error
        return ReadOnlyJournal(found, mark.epoch, partial(read, connection), undo.pop_all().close)


def has_entry(files: Files, wanted: Callable[[Entry], bool]) -> bool:
    """`Store.has` where the files are, without a copy: nobody can begin to write meanwhile."""
    try:
        if not (files.lock.exists() and files.database.exists() and is_journal(files.database)):
            return False
        with ExitStack() as undo:
            undo.callback(WriterLock(files.lock).release)
            connection = connect_witness(files)
            undo.callback(files.shm.unlink, missing_ok=True)
            undo.callback(connection.close)
            return any(map(wanted, read(connection, 0, sys.maxsize, "")))
    except (sqlite3.Error, OSError, JournalError, UsageError):
        return False


def _none(files: Files) -> NoJournal:
    """The error where there is no journal, or where its writer was ended before there was one."""
    return NoJournal(f"there is no journal at {files.database}; check the path")


def _witness(files: Files) -> tuple[Mark, str]:
    """The mark, read before anything is copied, and what is wrong with it."""
    if not files.mark.exists():
        if not is_journal(files.database):
            raise JournalError(f"{files.database} is not a journal of this project")
        return UNWRITTEN, f"its high-water mark {files.mark.name} is missing, so lost entries would go unnoticed"
    try:
        return read_mark(files.mark), ""
    except JournalCorrupt as error:
        return UNWRITTEN, str(error)


def _copy(files: Files, copy: Files) -> None:
    with copying(files.mark):
        for _ in range(_TRIES):
            before = _generation(files)
            shutil.copyfile(files.database, copy.database)
            copy.wal.unlink(missing_ok=True)
            if files.wal.exists():
                shutil.copyfile(files.wal, copy.wal)
            if _generation(files) == before:
                return
    raise JournalLocked(f"journal {files.database} changed under {_TRIES} tries to copy it; try again later")


def _generation(files: Files) -> tuple[bytes, int, int]:
    """What changes when the log is started anew: its header holds a fresh salt each time."""
    try:
        with files.wal.open("rb") as log:
            header = log.read(32)
    except FileNotFoundError:
        header = b""
    if header:
        return header, 0, 0
    status = files.database.stat()
    return b"", status.st_mtime_ns, status.st_size
