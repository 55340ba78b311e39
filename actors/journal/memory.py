"""The journal in memory: the same promises as the others for as long as the process lives.

The rule of this file: it is no shortcut. Data is packed and checked as on a disk, so what a disk
would refuse fails here too; and what a disk can do wrong (be full, fail to sync, lose its tail),
a `MemoryDisk` can be told to do, so a simulated swarm meets these faults by the thousand.
"""

from __future__ import annotations

from collections.abc import Iterator

from stigmergy.protocols.errors import JournalCorrupt, JournalError, JournalLocked, StorageFull

from .port import Batch, Entry
from .records import START, UNWRITTEN, Encoder, Mark, Row, Tail, audit, check_epoch, entries


class MemoryDisk:
    """What outlives a `MemoryJournal`: rows, the high-water mark, and who holds the lock.

    Args:
        capacity_bytes: Bodies beyond this raise StorageFull. None: no bound.
    """

    def __init__(self, capacity_bytes: int | None = None) -> None:
        self.capacity_bytes = capacity_bytes
        self.sync_fails = False
        self.rows: list[Row] = []
        self.mark: Mark = UNWRITTEN
        self.holder: MemoryJournal | None = None

    def crash(self) -> None:
        """What kill -9 does: whoever held the journal is gone, what it was told is durable stays."""
        self.holder = None

    def used_bytes(self) -> int:
        """Bytes of all bodies."""
        return sum(len(row[4]) for row in self.rows)


class MemoryJournal:
    """A `Journal` on a `MemoryDisk`, or on one of its own.

    Raises: JournalLocked when another one is open on that disk, JournalCorrupt when the disk lost something.
    """

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self._disk = disk if disk is not None else MemoryDisk()
        if self._disk.holder is not None:
            raise JournalLocked("this memory disk has an open journal; close that one first")
        sound = audit(self._disk.rows, self._disk.mark)
        if sound.damage:
            raise JournalCorrupt(f"the journal in memory cannot be trusted: {sound.damage}")
        self._tail = sound.tail
        self._epoch = self._disk.mark.epoch
        self._encoder = Encoder()
        self._used = self._disk.used_bytes()
        self._broken = ""
        self._disk.holder = self

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 when there is none."""
        return self._tail.seq

    @property
    def epoch(self) -> int:
        """The newest epoch that anybody has taken; 0 when nobody has."""
        return self._epoch

    def take_epoch(self) -> int:
        """The next epoch. Raises: JournalError."""
        self._check_writable()
        self._epoch += 1
        self._disk.mark = Mark(*self._tail, self._epoch)
        return self._epoch

    def append(self, batch: Batch, at: float, epoch: int) -> int:
        """As `Journal.append`."""
        self._check_writable()
        check_epoch(epoch, self._epoch)
        rows = self._encoder.rows(batch, self._tail, at, epoch)
        if not rows:
            return self._tail.seq
        used = self._used + sum(len(row[4]) for row in rows)
        if self._disk.capacity_bytes is not None and used > self._disk.capacity_bytes:
            raise StorageFull(f"the memory disk holds {self._disk.capacity_bytes} bytes, {used} would be needed")
        if self._disk.sync_fails:
            self._broken = "a sync failed"
            raise JournalError("the memory disk failed to sync; the journal is read-only now, reopen it")
        self._disk.rows.extend(rows)
        self._used, self._tail = used, Tail(rows[-1][0], rows[-1][6])
        self._disk.mark = Mark(*self._tail, self._epoch)
        return self._tail.seq

    def read(self, after: int = 0, kinds: str | tuple[str, ...] = "") -> Iterator[Entry]:
        """As `Journal.read`."""
        self._check_open()
        known = min(max(after, 0), self._tail.seq)
        start = Tail(known, self._disk.rows[known - 1][6]) if known else START
        return entries(self._disk.rows[known:], start, self._tail.seq, kinds)

    def digest(self) -> str:
        """32 hex digits over every ``(kind, data)`` so far."""
        return self._tail.chain.hex()

    def close(self) -> None:
        """Let go of the disk, which keeps what was appended."""
        if self._disk.holder is self:
            self._disk.holder = None

    def _check_open(self) -> None:
        if self._disk.holder is not self:
            raise JournalError("this journal is closed; open it again")

    def _check_writable(self) -> None:
        self._check_open()
        if self._broken:
            raise JournalError(f"the journal is read-only since {self._broken}; reopen it")
