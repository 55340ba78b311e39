"""The SQLite database of a journal: its tables, its connections, and what its errors mean.

The rule of this file: all SQL is here. One connection holds a journal's file at any time, in
exclusive locking mode: SQLite before 3.51.3 can corrupt a write-ahead log that two connections
write and checkpoint (https://sqlite.org/wal.html, "the WAL-reset bug"), so nobody else, not even
the ``sqlite3`` shell, gets in while a writer is there.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stigmergy.protocols.errors import JournalCorrupt, JournalError, JournalLocked, StorageFull

from .files import APPLICATION_ID, Files, open_private, sync_folder
from .port import Durability, Entry
from .records import START, Row, Tail, entries

SYNCHRONOUS: Final[dict[Durability, str]] = {"fsync": "FULL", "process": "NORMAL"}
FORMAT: Final = 1
_TABLES: Final = (
    "CREATE TABLE format (version INTEGER NOT NULL)",
    """CREATE TABLE entry (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, epoch INTEGER NOT NULL, kind TEXT NOT NULL,
    body BLOB NOT NULL, crc INTEGER NOT NULL, chain BLOB NOT NULL
)""",
)
_PAGE: Final = (
    "SELECT seq, at, epoch, kind, body, crc, chain FROM entry WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)
_PAGE_ROWS: Final = 256  # a page of rows is in memory at once
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
_BUSY_S: Final = 0.5  # only a program that should not be there can make us wait


def create(files: Files) -> None:
    """Write an empty database, whole or not at all. Raises: sqlite3.Error, UsageError."""
    fresh = Path(f"{files.database}.new")
    for end in ("", "-journal", "-wal", "-shm"):
        Path(f"{fresh}{end}").unlink(missing_ok=True)  # of a start that was interrupted
    os.close(open_private(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL))  # SQLite keeps a file's mode
    connection = sqlite3.connect(fresh, isolation_level=None)
    try:
        connection.execute("PRAGMA page_size=4096")
        connection.execute("BEGIN")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        for table in _TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO format VALUES (?)", (FORMAT,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    fresh.replace(files.database)
    sync_folder(files.folder)


def connect_writer(files: Files, durability: Durability) -> sqlite3.Connection:
    """The one connection that writes. Raises: sqlite3.Error."""
    connection = sqlite3.connect(files.database, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        for statement in (
            "PRAGMA locking_mode=EXCLUSIVE",
            "PRAGMA journal_mode=WAL",
            f"PRAGMA synchronous={SYNCHRONOUS[durability]}",
            "PRAGMA fullfsync=1",  # macOS: fsync alone leaves data in the drive's cache
            "PRAGMA wal_autocheckpoint=0",  # the journal chooses when
            "PRAGMA cell_size_check=1",
            "BEGIN IMMEDIATE",  # takes the exclusive lock now, and shows whether writing is allowed at all
            "ROLLBACK",
        ):
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_witness(files: Files) -> sqlite3.Connection:
    """A connection that reads what a dead writer left and changes nothing, not even by closing.

    A connection that may write would move the readable part of a damaged log into the database and
    delete the log as it closes. Raises: sqlite3.Error.
    """
    has_log = files.wal.exists() and files.wal.stat().st_size
    options = "mode=ro" if has_log else "mode=ro&immutable=1"  # the latter would not look for a log
    return sqlite3.connect(
        f"{files.database.as_uri()}?{options}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )


def check_format(connection: sqlite3.Connection, database: Path) -> None:
    """Refuse a journal that a later version wrote, or whose tables are not ours.

    Raises: JournalError, JournalCorrupt, sqlite3.Error.
    """
    tables = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master ORDER BY rowid")]
    if tables[:1] != [_TABLES[0]]:
        raise JournalCorrupt("its tables are not those of a journal")
    (version,) = connection.execute("SELECT version FROM format").fetchone() or (0,)
    if isinstance(version, int) and version > FORMAT:
        raise JournalError(
            f"{database} was written by a later version of this project (format {version}, this one knows {FORMAT}); "
            f"upgrade to read it, nothing was changed"
        )
    if version != FORMAT or tables != list(_TABLES):
        raise JournalCorrupt("its tables are not those of a journal")


def page_damage(connection: sqlite3.Connection) -> str:
    """What SQLite finds wrong with the database's own structure, empty when nothing. Raises: sqlite3.Error."""
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if verdict == "ok" else f"its pages are damaged ({' '.join(str(verdict).split()):.120})"


def rows(connection: sqlite3.Connection, after: int, until: int) -> Iterator[Row]:
    """Rows with ``after < seq <= until``, unchecked. Pages of its own, so appending may go on in between.

    Raises: JournalCorrupt, JournalError.
    """
    while after < until:
        page: list[Row] = []
        failure: sqlite3.Error | None = None
        try:
            page.extend(connection.execute(_PAGE, (after, until, _PAGE_ROWS)))
        except sqlite3.Error as error:
            failure = error  # list.extend keeps the rows before it
        yield from page
        if page:
            after = page[-1][0]
        if failure is not None:
            raise translate(failure, f"after entry {after}") from failure
        if not page:
            return


def tail_at(connection: sqlite3.Connection, seq: int) -> Tail:
    """The tail as of entry ``seq``. Raises: JournalCorrupt, JournalError."""
    if seq <= 0:
        return START
    try:
        found = connection.execute("SELECT chain FROM entry WHERE seq = ?", (seq,)).fetchone()
    except sqlite3.Error as error:
        raise translate(error, f"at entry {seq}") from error
    if found is None or not isinstance(found[0], bytes):
        raise JournalCorrupt(f"entry {seq} is damaged or missing")
    return Tail(seq, found[0])


def read(connection: sqlite3.Connection, after: int, until: int, kinds: str | tuple[str, ...]) -> Iterator[Entry]:
    """Checked entries with ``after < seq <= until``. Raises: JournalCorrupt, JournalError."""
    start = tail_at(connection, min(max(after, 0), until))
    return entries(rows(connection, start.seq, until), start, until, kinds)


def insert(connection: sqlite3.Connection, batch: Sequence[Row]) -> None:
    """Commit a batch in one transaction, one sync. Rolled back when it raises. Raises: sqlite3.Error."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", batch)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move the log into the database; the next commit starts it anew. Raises: sqlite3.Error."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk took no more: full, over a quota or file-size limit, or refusing this very write."""
    return getattr(error, "sqlite_errorcode", 0) in _FULL


def translate(error: sqlite3.Error, where: str) -> JournalError:
    """What an error of SQLite means for a journal."""
    code = getattr(error, "sqlite_errorcode", 0)
    if is_full(error):
        return StorageFull(
            f"the disk refused to write {where} ({error}): nothing was kept; free some space, then go on"
        )
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalLocked(f"another program has the database open {where} ({error}); close it")
        # An SQL error can only be the file's: the statements never change.
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:
            return JournalCorrupt(f"the database is damaged {where} ({error})")
    if isinstance(error, sqlite3.OperationalError) and "decode" in str(error):
        return JournalCorrupt(f"the database is damaged {where} ({error})")
    return JournalError(f"the database failed {where} ({getattr(error, 'sqlite_errorname', 'closed')}: {error})")
