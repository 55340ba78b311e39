"""How an entry looks at rest: its bytes, its checksum and its link in the hash chain.

The rule of this file: every store writes these rows and gives them out only through `entries`,
so damage is found in one way, and the same history has the same digest in every store.

* ``body`` is the msgpack of ``data``, packed strictly: a tuple, an enum or a subclass would come
  back as something else, so it is refused before it is written.
* ``chain`` is blake2b-128 over the previous chain, the kind and the body. It shows missing,
  reordered and foreign entries. Time and epoch are left out, so the last link is the digest.
* ``crc`` is CRC-32 over every column but the chain. It covers what the chain leaves out, and tells
  damage to one row from damage to its neighbour. zlib's, not crc32c: both find every flip of up to
  3 bits and every burst of up to 32 in rows below 11 KiB (Koopman, "32-Bit Cyclic Redundancy
  Codes for Internet Applications", 2002), and zlib is in the standard library.
"""

from __future__ import annotations

import math
import reprlib
import struct
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple, TypeAlias
from zlib import crc32

import msgpack

from stigmergy.protocols.errors import Fenced, JournalCorrupt, UsageError

from .port import Batch, Entry

Row: TypeAlias = tuple[int, float, int, str, bytes, int, bytes]
"""``(seq, at, epoch, kind, body, crc, chain)``: a plain tuple, since this is the hot path."""

MAX_KIND: Final = 128


class Tail(NamedTuple):
    """The end of a history: the number of its last entry and the chain up to it."""

    seq: int
    chain: bytes


class Mark(NamedTuple):
    """The high-water mark: a history that was acknowledged, and the newest epoch taken."""

    seq: int
    chain: bytes
    epoch: int


class Audit(NamedTuple):
    """How far a history is sound, and what is wrong with it (empty when nothing is)."""

    tail: Tail
    damage: str


START: Final = Tail(0, bytes(16))
UNWRITTEN: Final = Mark(0, START.chain, 0)
_stamp: Final = struct.Struct("<QdQ").pack


class Encoder:
    """Turns batches into rows. Holds a packer, so one per writer."""

    def __init__(self) -> None:
        self._pack = msgpack.Packer(strict_types=True).pack
        self._heads: dict[str, bytes] = {}
        """By kind, of which there are few."""

    def rows(self, batch: Batch, tail: Tail, at: float, epoch: int) -> list[Row]:
        """The rows of a batch that follows ``tail``. Raises: UsageError, before anything is written."""
        at = _wall_clock(at)
        seq, chain = tail
        pack = self._pack
        rows: list[Row] = []
        try:
            for kind, data in batch:
                head = self._heads.get(kind)
                if head is None or type(kind) is not str or type(data) is not dict:
                    head = self._heads[kind] = _head(kind, data)
                body = pack(data)
                seq += 1
                chain = blake2b(chain + head + body, digest_size=16).digest()
                crc = crc32(body, crc32(head, crc32(_stamp(seq, at, epoch))))
                rows.append((seq, at, epoch, kind, body, crc, chain))
        except (TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                f"pair {len(rows)} of the batch, {reprlib.repr(batch[len(rows)])}, cannot be stored: {error}; "
                f"data is made of None, bool, int (64 bits), float, str, bytes, list and dict"
            ) from error
        return rows


def check_epoch(epoch: int, newest: int) -> None:
    """Refuse a writer that was succeeded (Fenced), and an epoch that nobody took (UsageError)."""
    if epoch < newest:
        raise Fenced(f"epoch {epoch} was succeeded by epoch {newest}: stop, the journal belongs to the successor")
    if epoch > newest:
        raise UsageError(f"epoch {epoch} was never taken here, the newest is {newest}; call take_epoch() first")


def entries(rows: Iterable[Row], tail: Tail, until: int, kinds: str | tuple[str, ...] = "") -> Iterator[Entry]:
    """The entries in ``rows`` after ``tail``, up to ``until``, each checked first. Raises: JournalCorrupt."""
    for row in rows:
        tail = verify(row, tail)
        seq, at, _, kind, body, _, _ = row
        if kind.startswith(kinds):
            yield Entry(seq, at, kind, decode(body))
    if tail.seq < until:
        raise JournalCorrupt(f"entries {tail.seq + 1} to {until} are missing")


def decode(body: bytes) -> dict[str, Any]:
    """The data in a body that was verified."""
    data: dict[str, Any] = msgpack.unpackb(body, strict_map_key=False)
    return data


def verify(row: Row, tail: Tail) -> Tail:
    """The tail after ``row``. Raises: JournalCorrupt when the row is damaged or does not follow ``tail``."""
    seq, at, epoch, kind, body, crc, chain = row
    due = tail.seq + 1
    if seq != due:
        gap = f"entries {due} to {seq - 1} are missing" if seq > due else f"entry {seq} stands where {due} should"
        raise JournalCorrupt(gap)
    try:
        head = kind.encode() + b"\0"
        sound = crc == crc32(body, crc32(head, crc32(_stamp(seq, at, epoch))))
        linked = chain == blake2b(tail.chain + head + body, digest_size=16).digest()
    except (AttributeError, TypeError, ValueError, struct.error):
        # A flipped bit in a column's type gives a value of another type.
        sound = linked = False
    if not sound:
        raise JournalCorrupt(f"entry {seq} is damaged (its checksum differs)")
    if not linked:
        raise JournalCorrupt(f"entry {seq} does not continue entry {tail.seq} (the hash chain is broken)")
    return Tail(seq, chain)


def audit(rows: Iterable[Row], mark: Mark) -> Audit:
    """Walk a whole history and hold it against the mark. Never raises JournalCorrupt itself."""
    tail, foreign = START, ""
    try:
        for row in rows:
            tail = verify(row, tail)
            if tail.seq == mark.seq and tail.chain != mark.chain:
                foreign = f"entry {mark.seq} is not the one that was acknowledged (another run's file, or an old copy)"
    except JournalCorrupt as damage:
        short = mark.seq - tail.seq
        return Audit(tail, f"{damage}; {max(short, 0)} of {mark.seq} acknowledged entries cannot be read")
    if tail.seq < mark.seq:
        return Audit(tail, f"the last {mark.seq - tail.seq} of {mark.seq} acknowledged entries are missing")
    return Audit(tail, foreign)


def _head(kind: str, data: dict[str, Any]) -> bytes:
    if type(kind) is not str or not 0 < len(kind) <= MAX_KIND or "\0" in kind:
        raise TypeError(f"its kind is no str of 1 to {MAX_KIND} characters without NUL")
    if type(data) is not dict:
        raise TypeError("its data is no dict")
    return kind.encode() + b"\0"


def _wall_clock(at: float) -> float:
    if type(at) not in (float, int) or not math.isfinite(at):
        raise UsageError(f"{at!r:.40} is not a time; pass seconds since 1970")
    return at + 0.0  # -0.0 becomes 0.0: SQLite does not keep the sign, and the checksum would differ
