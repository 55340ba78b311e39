"""One direction-pair between two processes: ordered, repeatable, coalesced. No I/O here.

Ray reorders calls, repeats them, and reports failure for calls that were executed. So every batch
carries a number, is kept until the other side confirms it, may be sent again with the same number,
and is taken in exactly once and in order by the receiver.

A batch on the wire is ``[peer, number, confirmed, frames]``. Number 0 carries no frames: it only
confirms. A peer's name belongs to one incarnation of one process, so numbers never start over.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from stigmergy.protocols.codec import Packer, pieces, unpack
from stigmergy.protocols.errors import Malformed, Oversized

from .frames import is_frame, read_each

Frame = list[Any] | tuple[Any, ...]

MAX_FRAMES: Final = 1_000
"""Frames in one batch. A call costs a millisecond whatever it carries; a thousand frames pay for it."""

FIELDS: Final = 4

MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes in one batch, and in one frame."""

MAX_EARLY: Final = 256
"""Batches that are sent before the oldest of them is confirmed, and so may wait at the peer for a missing one."""


class Channel:
    """Numbers what goes out, orders what comes in."""

    def __init__(self, me: str) -> None:
        self._packer = Packer()
        self._me = self._packer.pack(me)
        self._queue: deque[bytes] = deque()
        self._next = 1
        self._unconfirmed: dict[int, bytes] = {}
        self._expected = 1
        self._told = 0
        """Number of the newest batch of the peer that was confirmed."""
        self._early: dict[int, list[Frame]] = {}

    def put(self, frame: Frame) -> None:
        """Queue a frame for the peer.

        It is encoded here, so that what cannot be encoded is its sender's error and nobody else's.
        Raises: Malformed, Oversized.
        """
        packed = self._packer.pack(frame)
        if len(packed) > MAX_BYTES:
            raise Oversized(f"{len(packed):,} bytes at once are over the limit of {MAX_BYTES:,}; pass a reference")
        self._queue.append(packed)

    @property
    def waiting(self) -> int:
        """Frames that are queued and in no batch yet."""
        return len(self._queue)

    @property
    def full(self) -> bool:
        """Whether what is queued waits until the peer has confirmed some of what it was sent."""
        return len(self._unconfirmed) >= MAX_EARLY

    @property
    def owes(self) -> bool:
        """Whether the peer has sent something that no batch has confirmed."""
        return self._told < self._expected - 1

    @property
    def oldest_unconfirmed(self) -> int:
        """Number of the oldest batch that the peer has not confirmed; 0 when it has confirmed all."""
        return next(iter(self._unconfirmed), 0)

    def batch(self) -> bytes:
        """What is queued, up to 1,000 frames and 16 MiB, as the next numbered batch; or a bare confirmation."""
        frames: list[bytes] = []
        size, most = 0, 0 if self.full else MAX_FRAMES
        while self._queue and len(frames) < most and (not frames or size + len(self._queue[0]) <= MAX_BYTES):
            frames.append(self._queue.popleft())
            size += len(frames[-1])
        number = self._next if frames else 0
        self._told = self._expected - 1
        pack, array = self._packer.pack, self._packer.array
        data = array([self._me, pack(number), pack(self._told), array(frames)])
        if frames:
            self._next += 1
            self._unconfirmed[number] = data
        return data

    def unconfirmed_batches(self) -> list[bytes]:
        """The batches to send again after silence, oldest first."""
        return list(self._unconfirmed.values())

    def accept(self, number: int, confirmed: int, frames: list[Frame]) -> list[Frame]:
        """Take in a batch; return the frames that are now in order. A repeat returns nothing.

        Raises: Malformed when more than 256 batches arrive ahead of a missing one, of which no peer sends so many.
        """
        while self._unconfirmed and (oldest := next(iter(self._unconfirmed))) <= confirmed:
            del self._unconfirmed[oldest]
        if number < self._expected:
            return []
        if number > self._expected:
            if len(self._early) >= MAX_EARLY:
                raise Malformed(f"peer is {number - self._expected} batches ahead of batch {self._expected}")
            self._early[number] = frames
            return []
        ready = list(frames)
        self._expected += 1
        while self._expected in self._early:
            ready += self._early.pop(self._expected)
            self._expected += 1
        return ready


def open_batch(data: bytes) -> tuple[str, int, int, list[Frame]]:
    """Read ``[peer, number, confirmed, frames]``. What is wrong anywhere in it is found before any of it counts.

    Raises: Malformed, Oversized.
    """
    try:
        fields = unpack(data)
    except Malformed:
        parts = pieces(data)
        fields = [*map(unpack, parts[:-1]), *map(read_each, parts[-1:])]
    if type(fields) is not list or len(fields) != FIELDS or type(fields[0]) is not str or type(fields[3]) is not list:
        raise Malformed("not a batch: [peer, number, confirmed, frames]")
    peer, number, confirmed, frames = fields
    if type(number) is not int or type(confirmed) is not int or number < 0:
        raise Malformed("batch numbers must be whole numbers")
    for frame in frames:
        if not is_frame(frame):
            raise Malformed(f"no frame, [verb, ticket, name, payload], in a batch of {peer:.60}: {frame!r:.80}")
    return peer, number, confirmed, frames
