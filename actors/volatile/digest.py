"""The digest of a run by rounds: all that each agent was given, and when, in the order in which it was given.

Agents fall into 256 partitions by their names, and each partition has one running hash. So letters are hashed some
thousands at once, and digests of hosts add up to that of the swarm, as long as a partition is never on two hosts at
once.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final
from zlib import crc32

from .packing import packer
from .running import runner

PARTITIONS: Final = 256
"""Enough for some dozens of hosts to share them evenly; few enough that each has much to hash at once."""

LONG: Final = 4
"""Digits of a number that is long,"""

BLOCK: Final = 2
"""and how many of them do not matter to where its agent is."""

FULL: Final = 16 * 1024
"""Bytes that are hashed at once; until then they are in memory."""


def partition_of(address: str) -> int:
    """The partition of an agent or a pool: the same wherever and whenever it is worked out.

    Of agents with long numbers a hundred neighbours are together (``cell/123400`` to ``cell/123499``), since those
    talk to each other in most simulations. A pool and its members are together.
    """
    kind, _, key = address.partition("/")
    if key.startswith("pool."):
        address = kind
    elif key[-LONG:].isdecimal() and len(key) >= LONG:
        address = address[:-BLOCK]
    return crc32(address.encode()) % PARTITIONS


class Notes:
    """What some agents were given, packed as it is noted, and hashed block by block. The runner has the same in C."""

    def __init__(self, update: Callable[[bytearray], Any], pack: Callable[[Any], bytes]) -> None:
        self._update = update
        self._pack = pack
        self._noted = bytearray()

    def add(self, *values: Any) -> None:
        """Note some values, one behind the other."""
        self._noted += b"".join(map(self._pack, values))
        if len(self._noted) >= FULL:
            self.flush()

    def flush(self) -> None:
        """Let all that was noted be hashed."""
        self._update(self._noted)
        self._noted = bytearray()


class Digest:
    """What the agents of one host were given."""

    def __init__(self) -> None:
        self._hashes, pack = [sha256() for _ in range(PARTITIONS)], packer()
        notes: Any = Notes if runner is None else runner.Notes
        self._notes = [notes(hash_.update, pack) for hash_ in self._hashes]

    def notes(self, name: str) -> Any:
        """Where to add what an agent is given, six things a letter: round, recipient, sender, number, type, fields."""
        return self._notes[partition_of(name)]

    def total(self) -> int:
        """128 bits. Those of hosts add up, modulo 2^128."""
        whole = 0
        for number, (notes, hash_) in enumerate(zip(self._notes, self._hashes, strict=True)):
            notes.flush()
            found = hash_.digest()
            if found != _NOTHING:  # this partition has agents here
                whole += int.from_bytes(sha256(number.to_bytes(2, "big") + found).digest()[:16], "big")
        return whole & (1 << 128) - 1


_NOTHING: Final = sha256().digest()
