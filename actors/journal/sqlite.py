"""The embedded journal: one SQLite file, one writer, one sync for a whole batch.

The rule of this file: an entry is acknowledged when it is committed and the high-water mark knows it
(if the mark fails, that batch is the last one). Whatever leaves the disk's state in doubt makes the
journal read-only for good; the process is disposable, the entries are not.

Callers gather what is ready and append it as one batch (group commit): a sync costs the same for one
entry as for a thousand.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Final

from stigmergy.protocols.errors import JournalCorrupt, JournalError, StorageFull

from .database import checkpoint, connect_writer, insert, is_full, read, translate
from .files import Files, prepare
from .inspection import corrupt, inspect, open_mark
from .lock import WriterLock
from .mark import MarkFile
from .port import Batch, Entry, check_durability
from .presence import Presence
from .records import Encoder, Mark, Row, Tail, check_epoch
from .room import DEFAULT_ROOM, Room
from .snapshot import copy_of
from .view import ReadOnlyJournal

_SYNC_MARK_EVERY: Final = 256  # commits; the mark is only behind after a power failure, never after a kill
_CHECKPOINT_BYTES: Final = 16 * 2**20  # of log; bounds its size, and with it the time to reopen
_PATIENCE_BYTES: Final = 16 * _CHECKPOINT_BYTES  # how far the log may grow for the sake of a reader's copy
_ROW_BYTES: Final = 60  # columns and overhead of a row beside its body
_COMMIT_BYTES: Final = 2 * 4096  # a commit writes whole pages: the one it began in, the one it ended in


class SqliteJournal:
    """A `Journal` in a SQLite file. Make one with `open`."""

    def __init__(
        self,
        files: Files,
        connection: sqlite3.Connection,
        mark: MarkFile,
        tail: Tail,
        room: Room,
        resources: ExitStack,
    ) -> None:
        self._files = files
        self._folder = os.fspath(files.folder)
        self._connection = connection
        self._mark = mark
        self._tail = tail
        self._epoch = mark.value.epoch
        self._room = room
        self._resources = resources
        self._presence = Presence(files)
        self._encoder = Encoder()
        self._commits = 0
        self._log_bytes = 0
        self._broken = ""
        self._closed = False

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, durability: str = "fsync", room: Room = DEFAULT_ROOM
    ) -> SqliteJournal:
        """Open the journal at ``path``, or start one. Everything in it is checked first: about 0.3 million entries/s.

        Args:
            path: The database file; ``-wal``, ``.mark`` and ``.lock`` files stand beside it. Not on NFS.
            durability: ``fsync`` (default): what is acknowledged survives a power failure.
                ``process``: it survives kill -9; a power failure may cost the last commits, which
                the next `open` reports.
            room: How much of the disk stays free: 256 MiB, or 2 % up to 2 GiB.

        Raises: UsageError (the path), JournalLocked, JournalCorrupt, JournalError.
        """
        survives = check_durability(durability)
        files = Files.at(path)
        prepare(files)
        with ExitStack() as resources:
            try:
                lock = WriterLock(files.lock)
                resources.callback(lock.release)
                mark = open_mark(files)
                resources.callback(mark.close)
                found = inspect(files, mark.value)
                if found.damage:
                    raise corrupt(files, found.damage)
                connection = connect_writer(files, survives)
                resources.callback(connection.close)
                _make_durable(connection)
                mark.settle(Mark(*found.tail, mark.value.epoch))
            except sqlite3.Error as error:
                raise translate(error, f"while {files.database} was opened") from error
            except OSError as error:
                raise JournalError(f"cannot open journal {files.database}: {error.strerror or error}") from error
            return cls(files, connection, mark, found.tail, room, resources.pop_all())

    @staticmethod
    def open_readonly(
        path: str | os.PathLike[str], *, intact_prefix: bool = False, scratch: str | os.PathLike[str] | None = None
    ) -> ReadOnlyJournal:
        """A view of a journal, finished, killed or being written, that changes nothing: `snapshot.copy_of`."""
        return copy_of(path, intact_prefix=intact_prefix, scratch=scratch)

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
        """The next epoch, in both slots of the mark: damage to one cannot bring it back. Raises: JournalError."""
        self._check_writable()
        try:
            self._mark.settle(Mark(*self._tail, self._epoch + 1))
        except OSError as error:
            raise self._break(f"the high-water mark could not be written ({error.strerror})") from error
        self._epoch += 1
        return self._epoch

    def append(self, batch: Batch, at: float, epoch: int) -> int:
        """As `Journal.append`; one transaction, one sync."""
        self._check_writable()
        check_epoch(epoch, self._epoch)
        batch_rows = self._encoder.rows(batch, self._tail, at, epoch)
        if batch_rows:
            size = sum(len(row[4]) for row in batch_rows) + _ROW_BYTES * len(batch_rows)
            self._check_room(size)
            self._check_presence()
            self._commit(batch_rows)
            self._keep_house(size + _COMMIT_BYTES)
        return self._tail.seq

    def read(self, after: int = 0, kinds: str | tuple[str, ...] = "") -> Iterator[Entry]:
        """As `Journal.read`. Damage that is met makes the journal read-only. Raises: JournalCorrupt, JournalError."""
        self._check_open()
        return self._checked(after, self._tail.seq, kinds)

    def close(self) -> None:
        """Note the mark, move the log into the database (SQLite does, and deletes it), let the next writer in."""
        if self._closed:
            return
        self._closed = True
        with self._resources:
            if not self._broken:
                with suppress(OSError):  # what is acknowledged is in the log, and in one slot of the mark
                    self._mark.settle(Mark(*self._tail, self._epoch))

    def _check_room(self, size: int) -> None:
        try:
            self._room.check(self._folder, size)
        except OSError as error:
            raise self._break(f"{self._folder} is gone ({error.strerror})") from error

    def _check_presence(self) -> None:
        if lost := self._presence.lost():
            raise self._break(f"{lost} is gone, or another file has its name")

    def _commit(self, batch_rows: list[Row]) -> None:
        try:
            insert(self._connection, batch_rows)
            self._tail = Tail(batch_rows[-1][0], batch_rows[-1][6])
        except sqlite3.Error as error:
            failure = translate(error, f"after entry {self._tail.seq} of {self._files.database}")
            if isinstance(failure, StorageFull):
                raise failure from error
            raise self._break(str(failure)) from error
        except BaseException:
            self._break("a write was interrupted")
            raise

    def _keep_house(self, size: int) -> None:
        """What follows a commit. The batch is durable by now, so trouble here concerns the next one."""
        self._commits += 1
        self._log_bytes += size
        try:
            self._mark.write(Mark(*self._tail, self._epoch))
            if self._commits % _SYNC_MARK_EVERY == 0:
                self._mark.sync()
            if self._log_bytes >= _CHECKPOINT_BYTES:
                self._checkpoint()
        except OSError as error:
            self._break(f"the high-water mark could not be written ({error.strerror})")
        except sqlite3.Error as error:
            if not is_full(error):
                self._break(f"a checkpoint failed ({error})")
        except BaseException:
            self._break("a write was interrupted")
            raise

    def _checkpoint(self) -> None:
        alone = self._mark.hold_still()
        if alone or self._log_bytes >= _PATIENCE_BYTES:
            self._log_bytes = 0
            try:
                checkpoint(self._connection)
            finally:
                self._mark.move_on()

    def _checked(self, after: int, until: int, kinds: str | tuple[str, ...]) -> Iterator[Entry]:
        try:
            yield from read(self._connection, after, until, kinds)
        except JournalCorrupt as error:
            self._break(f"damage was found: {error}")
            raise corrupt(self._files, str(error)) from error

    def _break(self, reason: str) -> JournalError:
        self._broken = self._broken or reason
        return JournalError(f"{reason}; the journal is read-only now: end this process and open it again")

    def _check_open(self) -> None:
        if self._closed:
            raise JournalError(f"journal {self._files.database} is closed; open it again")

    def _check_writable(self) -> None:
        self._check_open()
        if self._broken:
            raise self._break(self._broken)


def _make_durable(connection: sqlite3.Connection) -> None:
    """A killed writer may have left a commit that it had no time to sync; sync it before anybody acts on it."""
    try:
        checkpoint(connection)
    except sqlite3.Error as error:
        if not is_full(error):  # the log is synced before the database grows, so a full disk comes too late to matter
            raise
