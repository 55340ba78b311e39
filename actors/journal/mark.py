"""The high-water mark: a small file that says how far the journal was acknowledged.

The rule of this file: the mark is written after the commit and before the acknowledgement, so it
never promises what the database does not hold, and it knows every entry that anybody was told is
durable. When entries vanish, it is the witness. (Only with durability ``process`` can a power
failure leave it ahead of the database: entries were acknowledged and lost, and it says so.)

Two slots with a checksum each. Updates go to the working slot; the other one was synced and stays
untouched until the working slot is synced in its turn. So a torn write costs at most the updates
since the last sync, and those survive anything but a power failure. (A rename for each mark would
do as well, at two syncs a commit; a rename for every 64th would not know the last 63 commits.)
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path
from typing import Final
from zlib import crc32

from stigmergy.protocols.errors import JournalCorrupt, JournalLocked

from .files import open_private, sync_folder
from .records import UNWRITTEN, Mark

_BODY: Final = struct.Struct("<8sQ16sQ")  # magic, seq, chain, epoch
_MAGIC: Final = b"STIGMRK1"
_SLOTS: Final = (0, 512)  # one sector each
_LENGTH: Final = _BODY.size + 4
_LOCK_TRIES: Final = 200
_LOCK_PAUSE_S: Final = 0.01
_sync: Final = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class MarkFile:
    """The mark of an open journal. ``value`` is what was found.

    Raises: UsageError (cannot open), JournalCorrupt (neither slot is readable).
    """

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(open_private(path, os.O_RDWR), "r+b", buffering=0)
        with ExitStack() as undo:
            undo.callback(self._file.close)
            found = [_parse(self._file, offset) for offset in _SLOTS]
            self.value = _newest(found, path)
            self._working = found.index(self.value)
            self.sync()
            undo.pop_all()

    @classmethod
    def create(cls, path: Path) -> None:
        """Write a fresh mark, whole or not at all."""
        fresh = Path(f"{path}.new")
        with os.fdopen(open_private(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "r+b", buffering=0) as file:
            for offset in _SLOTS:
                os.pwrite(file.fileno(), _render(UNWRITTEN), offset)
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)

    def write(self, mark: Mark) -> None:
        """Remember ``mark`` against everything but a power failure. Raises: OSError."""
        os.pwrite(self._file.fileno(), _render(mark), _SLOTS[self._working])

    def sync(self) -> None:
        """Remember the last mark against a power failure too. Raises: OSError."""
        _sync(self._file.fileno())
        self._working ^= 1

    def settle(self, mark: Mark) -> None:
        """Write and sync both slots, so that damage to either loses nothing. Raises: OSError."""
        for _ in _SLOTS:
            self.write(mark)
            self.sync()

    def hold_still(self) -> bool:
        """Whether nobody is copying the journal right now; if so, copying waits until `move_on`."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def move_on(self) -> None:
        """Let copies be made again."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@contextmanager
def copying(path: Path) -> Iterator[None]:
    """Keep the writer from starting its log anew, for the time of a copy. Raises: JournalLocked after 2 s, OSError."""
    if not path.exists():
        yield
        return
    with path.open("rb", buffering=0) as file:
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_S)  # the writer moves its log, a matter of milliseconds
        else:
            raise JournalLocked(f"the writer of {path} does not answer; is it stopped? Try again later")
        yield


def read_mark(path: Path) -> Mark:
    """The mark of a journal that somebody else may have open. Raises: JournalCorrupt, OSError."""
    with path.open("rb", buffering=0) as file:
        return _newest([_parse(file, offset) for offset in _SLOTS], path)


def _render(mark: Mark) -> bytes:
    body = _BODY.pack(_MAGIC, *mark)
    return body + crc32(body).to_bytes(4, "little")


def _parse(file: FileIO, offset: int) -> Mark | None:
    slot = os.pread(file.fileno(), _LENGTH, offset)
    body, crc = slot[: _BODY.size], slot[_BODY.size :]
    if len(slot) < _LENGTH or crc32(body).to_bytes(4, "little") != crc:
        return None
    magic, seq, chain, epoch = _BODY.unpack(body)
    return Mark(seq, chain, epoch) if magic == _MAGIC else None


def _newest(found: list[Mark | None], path: Path) -> Mark:
    readable = [mark for mark in found if mark is not None]
    if not readable:
        raise JournalCorrupt(
            f"{path} is damaged, so nobody can say how far the journal went: restore both from one backup"
        )
    return max(readable, key=lambda mark: (mark.epoch, mark.seq))
