"""The tables of journals in PostgreSQL: one schema for many runs.

The rule of this file: all SQL about entries is here, and a batch is one statement. It moves the
high-water mark from where this writer knows it, under this writer's epoch, and only then inserts; so
entries, mark and fence agree at any moment, in one round trip and one commit.

A statement with arrays, not COPY: for 1, 100 and 1,000 rows of 200 bytes it wrote 6,300, 187,000 and
235,000 rows/s over a socket; BEGIN, UPDATE, COPY, COMMIT wrote 2,400, 142,000 and 260,000; `executemany`
in a pipeline 2,800, 80,000 and 114,000. Over a network, four round trips would cost more still.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from zlib import crc32

from psycopg import errors as pg

from stigmergy.protocols.errors import Fenced, JournalCorrupt, JournalError, UsageError

from .port import Entry
from .postgres_session import Session
from .records import START, UNWRITTEN, Audit, Mark, Row, Tail, audit, entries

FORMAT: Final = 1
_CLASS: Final = 0x53544947  # "STIG": advisory locks of this project, and of nobody else
_PAGE_ROWS: Final = 500  # a page of rows is in memory at once
_mark_bytes: Final = struct.Struct("<Q16sQ").pack

_MAKE: Final = """
CREATE SCHEMA stigmergy;
CREATE TABLE stigmergy.format (version integer NOT NULL);
CREATE TABLE stigmergy.run (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,
    begun timestamptz NOT NULL DEFAULT now(),
    seq bigint NOT NULL, chain bytea NOT NULL, epoch bigint NOT NULL, crc bigint NOT NULL
);
CREATE TABLE stigmergy.entry (
    run integer NOT NULL, seq bigint NOT NULL, at double precision NOT NULL, epoch bigint NOT NULL,
    kind text NOT NULL, body bytea NOT NULL, crc bigint NOT NULL, chain bytea NOT NULL, PRIMARY KEY (run, seq)
);
"""
_APPEND: Final = """
WITH mark AS (
    UPDATE stigmergy.run SET seq = %s, chain = %b, crc = %s
    WHERE id = %s AND epoch = %s AND seq = %s AND chain = %b RETURNING id
)
INSERT INTO stigmergy.entry
SELECT mark.id, %s + row.n, %s, %s, row.kind, row.body, row.crc, row.chain
FROM mark, unnest(%b::text[], %b::bytea[], %b::bigint[], %b::bytea[]) WITH ORDINALITY AS row(kind, body, crc, chain, n)
"""
_TAKE_EPOCH: Final = """
UPDATE stigmergy.run SET epoch = %s, crc = %s WHERE id = %s AND epoch = %s AND seq = %s AND chain = %b
"""
_WAIT_FOR_DISK: Final = """
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'
"""
_PAGE: Final = """
SELECT seq, at, epoch, kind, body, crc, chain FROM stigmergy.entry
WHERE run = %s AND seq > %s AND seq <= %s ORDER BY seq LIMIT %s
"""
_HOLDER: Final = """
SELECT coalesce(nullif(application_name, ''), 'another program') FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = %s::oid AND objid = %s::oid AND objsubid = 2 AND granted
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Run(NamedTuple):
    """A run's row."""

    id: int
    mark: Mark
    damage: str
    """What is wrong with the row itself; empty when nothing is."""


def make_tables(session: Session) -> None:
    """Make the tables where there are none, whole or not at all. Raises: UsageError, JournalError, psycopg.Error."""
    if _made(session):
        return
    with session.transaction():
        session.execute("SELECT pg_advisory_xact_lock(%s, 0)", (_CLASS,))  # somebody else may do the same
        if _made(session):
            return
        (encoding,) = session.execute("SHOW server_encoding").fetchone() or ("",)
        if encoding != "UTF8":
            raise UsageError(f"the database has encoding {encoding}; a journal needs one with UTF8: createdb -E UTF8")
        session.execute(_MAKE)
        session.execute("INSERT INTO stigmergy.format VALUES (%s)", (FORMAT,))


def _made(session: Session) -> bool:
    """Whether our tables are there. Raises: JournalError for those of a later version."""
    found = session.execute("SELECT to_regclass('stigmergy.format') IS NOT NULL").fetchone()
    if found != (True,):
        return False
    (version,) = session.execute("SELECT version FROM stigmergy.format").fetchone() or (0,)
    if version > FORMAT:
        raise JournalError(
            f"the tables in schema stigmergy are of a later version of this project (format {version}, this one "
            f"knows {FORMAT}); upgrade to read them, nothing was changed"
        )
    if version != FORMAT:
        raise JournalCorrupt("the tables in schema stigmergy are not those of journals")
    return True


def find_run(session: Session, name: str) -> Run | None:
    """The row of a run, if there is one. Raises: JournalError, psycopg.Error."""
    if not _made(session):
        return None
    found = session.execute(
        "SELECT id, seq, chain, epoch, crc FROM stigmergy.run WHERE name = %s", (name,), binary=True
    ).fetchone()
    if found is None:
        return None
    number, seq, chain, epoch, crc = found
    mark = Mark(seq, chain, epoch)
    sound = min(seq, epoch) >= 0 and len(chain) == len(START.chain) and crc == _crc(mark)
    return Run(number, mark, "" if sound else "its high-water mark is damaged, so nobody can say how far it went")


def begin_run(session: Session, name: str) -> None:
    """Add the row of a run, unless it is there. Raises: psycopg.Error."""
    session.execute(
        "INSERT INTO stigmergy.run (name, seq, chain, epoch, crc) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (name, *UNWRITTEN, _crc(UNWRITTEN)),
    )


def drop_run(session: Session, name: str) -> None:
    """Forget a run. Raises: psycopg.Error."""
    with session.transaction():
        found = session.execute("DELETE FROM stigmergy.run WHERE name = %s RETURNING id", (name,)).fetchone()
        if found is not None:
            session.execute("DELETE FROM stigmergy.entry WHERE run = %s", found)


def hold(session: Session, run: int, patience_ms: int) -> bool:
    """Become the run's one writer until this session ends; False when another is. Raises: psycopg.Error."""
    session.execute("SELECT set_config('lock_timeout', %s, false)", (str(patience_ms),))
    try:
        session.execute("SELECT pg_advisory_lock(%s, %s)", (_CLASS, run))
    except pg.LockNotAvailable:
        return False
    session.execute("RESET lock_timeout")
    return True


def holder(session: Session, run: int) -> str:
    """Who holds a run, for people; empty when nobody does. Raises: psycopg.Error."""
    found = session.execute(_HOLDER, (_CLASS, run)).fetchone()
    return "" if found is None else str(found[0]).removeprefix("stigmergy, ")


def inspect(session: Session, run: Run) -> Audit:
    """Check a whole run against its mark. Raises: psycopg.Error."""
    if run.damage:
        return Audit(START, run.damage)
    found = audit(rows(session, run.id, 0, sys.maxsize), run.mark)
    beyond = found.tail.seq - run.mark.seq
    if not found.damage and beyond > 0:
        return Audit(Tail(run.mark.seq, run.mark.chain), f"{beyond} entries stand beyond its high-water mark")
    return found


def rows(session: Session, run: int, after: int, until: int) -> Iterator[Row]:
    """Rows with ``after < seq <= until``, unchecked. Pages of its own, so appending may go on in between.

    Raises: psycopg.Error.
    """
    while after < until:
        page: list[Any] = session.execute(_PAGE, (run, after, until, _PAGE_ROWS), binary=True).fetchall()
        if not page:
            return
        yield from page
        after = page[-1][0]


def read(session: Session, run: int, after: int, until: int, kinds: str | tuple[str, ...]) -> Iterator[Entry]:
    """Checked entries with ``after < seq <= until``. Raises: JournalCorrupt, psycopg.Error."""
    start = _tail_at(session, run, min(max(after, 0), until))
    return entries(rows(session, run, start.seq, until), start, until, kinds)


def _tail_at(session: Session, run: int, seq: int) -> Tail:
    if seq <= 0:
        return START
    sql = "SELECT chain FROM stigmergy.entry WHERE run = %s AND seq = %s"
    found = session.execute(sql, (run, seq), binary=True).fetchone()
    if found is None:
        raise JournalCorrupt(f"entry {seq} is missing")
    return Tail(seq, found[0])


def insert(session: Session, run: int, batch: Sequence[Row], tail: Tail) -> None:
    """Commit a batch behind ``tail``, or nothing. Raises: Fenced, JournalError, psycopg.Error."""
    _, at, epoch, *_ = batch[0]
    columns: list[Any] = [list(column) for column in zip(*batch, strict=True)]
    _, _, _, kinds, bodies, crcs, chains = columns
    mark = Mark(tail.seq + len(batch), chains[-1], epoch)
    found = session.execute(
        _APPEND,
        (mark.seq, mark.chain, _crc(mark), run, epoch, *tail, tail.seq, at, epoch, kinds, bodies, crcs, chains),
    )
    if found.rowcount != len(batch):
        _refuse(session, run, epoch)


def take_epoch(session: Session, run: int, mark: Mark) -> None:
    """Make ``mark.epoch + 1`` the newest, on the disk whatever the durability. Raises: as `insert`."""
    after = mark._replace(epoch=mark.epoch + 1)
    with session.transaction():
        session.execute(_WAIT_FOR_DISK)
        changed = session.execute(_TAKE_EPOCH, (after.epoch, _crc(after), run, mark.epoch, mark.seq, mark.chain))
        if changed.rowcount != 1:
            _refuse(session, run, mark.epoch)


def _refuse(session: Session, run: int, epoch: int) -> None:
    """Why the mark was not where its writer left it."""
    found = session.execute("SELECT epoch FROM stigmergy.run WHERE id = %s", (run,)).fetchone()
    if found is not None and found[0] > epoch:
        raise Fenced(f"epoch {epoch} was succeeded by epoch {found[0]}: stop, the journal belongs to the successor")
    raise JournalError("another program changed this journal behind its writer's back")


def _crc(mark: Mark) -> int:
    return crc32(_mark_bytes(*mark))
