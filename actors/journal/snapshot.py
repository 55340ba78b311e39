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
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NoReturn

from stigmergy.protocols.errors import JournalCorrupt, JournalError, JournalLocked, UsageError

from .database import connect_witness, read, translate
from .files import Files, is_journal
from .inspection import corrupt, inspect, missing
from .lock import is_held_here
from .mark import copying, read_mark
from .port import Batch, Entry
from .records import UNWRITTEN, Audit, Mark

_TRIES: Final = 10


class ReadOnlyJournal:
    """A `Journal` as it was at one moment, which refuses to be written. Make one with `copy_of`.

    ``damage`` says what is wrong with it; empty when nothing is.
    """

    def __init__(self, files: Files, found: Audit, epoch: int, folder: TemporaryDirectory[str]) -> None:
        self.damage = found.damage
        self._tail = found.tail
        self._epoch = epoch
        self._folder = folder
        self._connection = connect_witness(files)
        self._closed = False

    @classmethod
    def copy_of(
        cls, path: str | os.PathLike[str], *, intact_prefix: bool = False, scratch: str | os.PathLike[str] | None = None
    ) -> ReadOnlyJournal:
        """Copy the journal at ``path``, check the copy and open it.

        Args:
            path: The database file.
            intact_prefix: Serve the entries before the first damaged one instead of raising.
            scratch: Folder for the copy, which is deleted by `close`; the system's temporary one by default.

        Raises: UsageError (no journal there, or this process writes it), JournalCorrupt, JournalError.
        """
        files = Files.at(path)
        if not files.database.exists() and not files.mark.exists():
            raise UsageError(f"there is no journal at {files.database}; check the path")
        if is_held_here(files.lock):
            raise UsageError(f"this process itself writes journal {files.database}; read from the open one")
        with ExitStack() as undo:
            try:
                folder = TemporaryDirectory(prefix="stigmergy-journal-", dir=scratch)
                undo.callback(folder.cleanup)
                copy = Files.at(Path(folder.name) / "journal.db")
                mark, damage = _witness(files)
                if not files.database.exists():
                    raise missing(files, mark)
                _copy(files, copy)
                found = inspect(copy, mark)
                view = cls(copy, found._replace(damage=damage or found.damage), mark.epoch, folder)
            except sqlite3.Error as error:
                raise translate(error, f"in a copy of {files.database}") from error
            except OSError as error:
                raise JournalError(f"cannot copy journal {files.database}: {error}; pass scratch= with room") from error
            undo.pop_all()
        if view.damage and not intact_prefix:
            view.close()
            raise corrupt(files, view.damage)
        return view

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 when there is none."""
        return self._tail.seq

    @property
    def epoch(self) -> int:
        """The newest epoch that anybody had taken; 0 when nobody had."""
        return self._epoch

    def digest(self) -> str:
        """32 hex digits over every ``(kind, data)``."""
        return self._tail.chain.hex()

    def read(self, after: int = 0, kinds: str | tuple[str, ...] = "") -> Iterator[Entry]:
        """As `Journal.read`."""
        if self._closed:
            raise JournalError("this view of a journal is closed; open it again")
        return read(self._connection, after, self._tail.seq, kinds)

    def append(self, batch: Batch, at: float, epoch: int) -> NoReturn:  # noqa: ARG002 - the port's signature
        """Refused. Raises: JournalError."""
        raise JournalError("this view of a journal is for reading; open it with SqliteJournal.open to write")

    def take_epoch(self) -> NoReturn:
        """Refused. Raises: JournalError."""
        raise JournalError("this view of a journal is for reading; open it with SqliteJournal.open to write")

    def close(self) -> None:
        """Delete the copy."""
        self._closed = True
        self._connection.close()
        self._folder.cleanup()


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
