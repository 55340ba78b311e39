"""A disk that does what disks do, and a journal on it in the real record format.

The rule of this file: what `append` has acknowledged was synced, and survives everything. What was
written and not synced is there after a kill, and there, torn or gone after a power failure.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Literal
from zlib import crc32

import msgpack

from stigmergy.actors.journal.port import Batch, Entry
from stigmergy.actors.journal.records import START, UNWRITTEN, Encoder, Mark, Row, Tail, audit, check_epoch, entries
from stigmergy.protocols.errors import JournalCorrupt, JournalError, JournalLocked, StorageFull

from .loop import ProcessLoop

Trouble = Literal[
    "",
    "disk full",
    "write fails",
    "sync fails",
    "disk slow",
    "dies before write",
    "dies in write",
    "dies before sync",
    "dies after sync",
]
_HEAD = struct.Struct("<II")


class Disk:
    """Bytes, how many of them were synced, and the high-water mark."""

    def __init__(self, random: Random, struck: Counter[str]) -> None:
        self.trouble: Trouble = ""
        """What happens at the next write."""
        self.mark: Mark = UNWRITTEN
        self.holder: ProcessLoop | None = None
        """The process that has the journal open, and so its lock."""
        self.struck = struck
        self._random = random
        self._bytes = bytearray()
        self._synced = 0

    def write(self, data: bytes) -> None:
        """Hand bytes to the operating system."""
        self._bytes += data

    def sync(self) -> None:
        """Make them durable."""
        self._synced = len(self._bytes)

    def truncate(self, length: int) -> None:
        """Forget what follows."""
        del self._bytes[length:]
        self._synced = min(self._synced, length)

    def lose_power(self) -> None:
        """Of what was not synced, some is there, up to any byte."""
        self.truncate(self._random.randint(self._synced, len(self._bytes)))

    def tear(self, data: bytes) -> None:
        """A write that is interrupted."""
        self.write(data[: self._random.randrange(len(data))])

    def batches(self) -> Iterator[tuple[list[Row], int]]:
        """The whole batches, each with the position of its end. A torn tail is not one."""
        at, data = 0, bytes(self._bytes)
        while at + _HEAD.size <= len(data):
            length, crc = _HEAD.unpack_from(data, at)
            body = data[at + _HEAD.size : at + _HEAD.size + length]
            if len(body) < length or crc32(body) != crc:
                return
            at += _HEAD.size + length
            yield [tuple(row) for row in msgpack.unpackb(body)], at

    def rows(self) -> list[Row]:
        """Every row that can be read."""
        return [row for batch, _ in self.batches() for row in batch]


class DiskJournal:
    """A `Journal` on a `Disk`. Opening one drops a torn tail, and checks the rest against the mark."""

    def __init__(
        self,
        disk: Disk,
        owner: ProcessLoop,
        durable: Callable[[int], None],
    ) -> None:
        """``owner`` is the process that writes; ``durable`` hears how far the journal is on the disk."""
        if disk.holder is not None and disk.holder.alive:
            raise JournalLocked("another process has the simulated journal open")
        disk.holder = owner
        self._disk = disk
        self._owner = owner
        self._durable = durable
        self._rows: list[Row] = []
        end = 0
        for rows, end in disk.batches():  # noqa: B007 - the last one counts
            self._rows += rows
        disk.truncate(end)
        disk.sync()
        sound = audit(self._rows, disk.mark)
        if sound.damage:
            raise JournalCorrupt(f"the simulated journal cannot be trusted: {sound.damage}")
        self._tail = sound.tail
        durable(sound.tail.seq)
        self._epoch = disk.mark.epoch
        disk.mark = Mark(*self._tail, self._epoch)
        self._encoder = Encoder()
        self._broken = ""

    @property
    def last_seq(self) -> int:
        return self._tail.seq

    @property
    def epoch(self) -> int:
        return self._epoch

    def take_epoch(self) -> int:
        self._epoch += 1
        self._disk.mark = Mark(*self._tail, self._epoch)
        return self._epoch

    def append(self, batch: Batch, at: float, epoch: int) -> int:
        if self._broken:
            raise JournalError(f"the journal is read-only since {self._broken}")
        check_epoch(epoch, self._epoch)
        rows = self._encoder.rows(batch, self._tail, at, epoch)
        if rows:
            body = msgpack.packb(rows)
            self._write(_HEAD.pack(len(body), crc32(body)) + body, rows[-1][0])
            self._rows += rows
            self._tail = Tail(rows[-1][0], rows[-1][6])
            self._disk.mark = Mark(*self._tail, self._epoch)
        return self._tail.seq

    def read(self, after: int = 0, kinds: str | tuple[str, ...] = "") -> Iterator[Entry]:
        known = min(max(after, 0), self._tail.seq)
        start = Tail(known, self._rows[known - 1][6]) if known else START
        return entries(self._rows[known:], start, self._tail.seq, kinds)

    def digest(self) -> str:
        return self._tail.chain.hex()

    def close(self) -> None:
        self._broken = "it was closed"
        if self._disk.holder is self._owner:
            self._disk.holder = None

    def _write(self, data: bytes, seq: int) -> None:
        disk = self._disk
        trouble, disk.trouble = disk.trouble, ""
        if trouble:
            disk.struck[trouble] += 1
        if trouble == "disk full":
            raise StorageFull("the simulated disk is full")
        if trouble == "write fails":
            disk.tear(data)
            self._fail("a write failed")
        if trouble == "dies before write":
            self._owner.die()
        if trouble == "dies in write":
            disk.tear(data)
            self._owner.die()
        disk.write(data)
        if trouble == "dies before sync":
            self._owner.die()
        if trouble == "sync fails":
            self._fail("a sync failed")
        disk.sync()
        self._durable(seq)
        self._owner.busy(0.5 if trouble == "disk slow" else 0.0005)
        if trouble == "dies after sync":
            self._owner.die()

    def _fail(self, reason: str) -> None:
        self._broken = reason
        raise JournalError(f"{reason}; the journal is read-only now")
