"""The journal in PostgreSQL, for clusters whose nodes share no disk: one statement and one commit a batch.

The rule of this file: an entry is acknowledged when the server said that it was committed. Whatever
leaves that in doubt (a lost connection, an interrupt, a successor) makes the journal read-only for
good. Opening it anew tells how it ended, because a batch and the high-water mark commit together: the
batch is there whole, or not at all.

Two writers are kept apart twice. An advisory lock of the session keeps a second one out while the
first is connected. The epoch, checked by the very statement that inserts, stops a first one that lost
its session and does not know it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

import psycopg

from stigmergy.protocols.errors import (
    JournalCorrupt,
    JournalError,
    JournalLocked,
    JournalLost,
    NoJournal,
    StigmergyError,
    StorageFull,
    UsageError,
)

from . import postgres_tables as tables
from .port import Batch, Entry, check_durability
from .postgres_place import Place
from .postgres_session import VANISHED_S, Session, connect, make_durable, translate
from .records import Audit, Encoder, Mark, Row, Tail, check_epoch
from .view import ReadOnlyJournal

PATIENCE_MS: Final = 250
"""How long `PostgresJournal.open` waits for a writer to go; the server needs a moment to notice that one was killed."""

_ADVICE: Final = "restore a backup, or read the intact entries with `stigmergy inspect --intact`; nothing was changed"


class PostgresJournal:
    """A `Journal` in PostgreSQL. Make one with `open`."""

    def __init__(self, place: Place, session: Session, run: tables.Run, tail: Tail) -> None:
        self._place = place
        self._session = session
        self._run = run.id
        self._tail = tail
        self._epoch = run.mark.epoch
        self._encoder = Encoder()
        self._witness: Session | None = None
        """Reads when the session that wrote is gone."""
        self._broken = ""
        self._closed = False

    @classmethod
    def open(cls, place: str, *, durability: str = "fsync") -> PostgresJournal:
        """Open the journal at ``place``, or start one; tables are made if need be. All of it is checked first.

        Args:
            place: ``postgresql://USER@HOST:PORT/DATABASE#RUN``; what it leaves out comes from libpq's environment.
            durability: ``fsync`` (default): what is acknowledged survives a power failure of the server.
                ``process``: it survives the end of this process; a crash of the server may cost the commits
                of the last 0.6 s (3 times ``wal_writer_delay``), and nobody can tell afterwards.

        Raises: UsageError (the place, the server, the user's rights), JournalLocked, JournalCorrupt, JournalError.
        """
        at, survives = Place.parse(place), check_durability(durability)
        with ExitStack() as undo:
            session = connect(at.url)
            undo.callback(session.close)
            try:
                make_durable(session, survives)
                tables.make_tables(session)
                tables.begin_run(session, at.run)
                run = _found(session, at)
                if not tables.hold(session, run.id, PATIENCE_MS):
                    raise _locked(session, at, run)
                run, found = _inspected(session, at)
            except psycopg.Error as error:
                raise translate(error, at.shown) from error
            if found.damage:
                raise _corrupt(at, found.damage)
            undo.pop_all()
            return cls(at, session, run, found.tail)

    @staticmethod
    def open_readonly(place: str, *, intact_prefix: bool = False) -> ReadOnlyJournal:
        """A view of a journal, whoever has it open, that changes nothing.

        With ``intact_prefix`` a damaged one serves what stands before the damage, instead of raising.

        Raises: UsageError (none there; the server), JournalCorrupt, JournalError.
        """
        at = Place.parse(place)
        with ExitStack() as undo:
            session = _connect_witness(at)
            undo.callback(session.close)
            try:
                run, found = _inspected(session, at)
            except psycopg.Error as error:
                raise translate(error, at.shown) from error
            if found.damage and not intact_prefix:
                raise _corrupt(at, found.damage)
            return ReadOnlyJournal(found, run.mark.epoch, partial(_read, session, at, run.id), undo.pop_all().close)

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 when there is none."""
        return self._tail.seq

    @property
    def epoch(self) -> int:
        """The newest epoch that anybody has taken; 0 when nobody has."""
        return self._epoch

    def digest(self) -> str:
        """32 hex digits over every ``(kind, data)`` so far."""
        return self._tail.chain.hex()

    def take_epoch(self) -> int:
        """The next epoch, on the server's disk whatever the durability. Raises: Fenced, JournalError."""
        self._check_writable()
        self._write(lambda: tables.take_epoch(self._session, self._run, Mark(*self._tail, self._epoch)))
        self._epoch += 1
        return self._epoch

    def append(self, batch: Batch, at: float, epoch: int) -> int:
        """As `Journal.append`; one statement, one commit. Raises: JournalLost too."""
        self._check_writable()
        check_epoch(epoch, self._epoch)
        batch_rows: list[Row] = self._encoder.rows(batch, self._tail, at, epoch)
        if batch_rows:
            self._write(lambda: tables.insert(self._session, self._run, batch_rows, self._tail))
            self._tail = Tail(batch_rows[-1][0], batch_rows[-1][6])
        return self._tail.seq

    def read(self, after: int = 0, kinds: str | tuple[str, ...] = "") -> Iterator[Entry]:
        """As `Journal.read`. Damage that is met makes the journal read-only. Raises: JournalCorrupt, JournalError."""
        self._check_open()
        return self._checked(after, self._tail.seq, kinds)

    def close(self) -> None:
        """End the session, which lets the next writer in."""
        self._closed = True
        self._session.close()
        if self._witness is not None:
            self._witness.close()

    def _write(self, change: Callable[[], None]) -> None:
        try:
            change()
        except psycopg.Error as error:
            failure = translate(error, self._place.shown)
            if isinstance(failure, StorageFull):
                raise failure from error
            broken = self._break(str(failure))
            raise (JournalLost(str(broken)) if self._session.closed else broken) from error
        except StigmergyError as error:
            self._break(str(error))
            raise
        except BaseException:
            self._break("a write was interrupted")
            raise

    def _checked(self, after: int, until: int, kinds: str | tuple[str, ...]) -> Iterator[Entry]:
        try:
            yield from _read(self._reading(), self._place, self._run, after, until, kinds)
        except JournalCorrupt as error:
            self._break(f"damage was found: {error}")
            raise
        except JournalError as error:
            raise self._break(str(error)) from error

    def _reading(self) -> Session:
        """The session that writes; another one when that is gone."""
        if not self._session.closed:
            return self._session
        if self._witness is None or self._witness.closed:
            try:
                self._witness = _connect_witness(self._place)
            except UsageError as error:
                raise JournalError(str(error)) from error
        return self._witness

    def _break(self, reason: str) -> JournalError:
        self._broken = self._broken or reason
        return JournalError(f"{reason}; the journal is read-only now: end this process and open it again")

    def _check_open(self) -> None:
        if self._closed:
            raise JournalError(f"journal {self._place.shown} is closed; open it again")

    def _check_writable(self) -> None:
        self._check_open()
        if self._broken:
            raise self._break(self._broken)


def _corrupt(at: Place, damage: str) -> JournalCorrupt:
    """The error for a damaged journal: what is wrong, where, and what to do."""
    return JournalCorrupt(f"journal {at.shown} cannot be trusted: {damage}; {_ADVICE}")


def _connect_witness(at: Place) -> Session:
    session = connect(at.url)
    session.execute("SET default_transaction_read_only = on")
    return session


def _found(session: Session, at: Place) -> tables.Run:
    run = tables.find_run(session, at.run)
    if run is None:
        raise NoJournal(f"there is no journal {at.shown}; check the URL and the run")
    return run


def _inspected(session: Session, at: Place) -> tuple[tables.Run, Audit]:
    """A run and how far it is sound, at one moment, whoever writes meanwhile."""
    with session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        run = _found(session, at)
        return run, tables.inspect(session, run)


def _locked(session: Session, at: Place, run: tables.Run) -> JournalLocked:
    return JournalLocked(
        f"journal {at.shown} is in use by {tables.holder(session, run.id) or 'another program'}; stop that run first "
        f"(if its machine is gone, the server lets go after {VANISHED_S} s)"
    )


def _read(
    session: Session, at: Place, run: int, after: int, until: int, kinds: str | tuple[str, ...]
) -> Iterator[Entry]:
    try:
        yield from tables.read(session, run, after, until, kinds)
    except psycopg.Error as error:
        raise translate(error, at.shown) from error
    except JournalCorrupt as error:
        raise _corrupt(at, str(error)) from error
