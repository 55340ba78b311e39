"""The digest of a run by rounds: all that each agent was given, and when, in the order in which it was given.

Agents fall into 256 partitions by their names, and each partition has one running hash. So to take letters in costs one
call of the packer and one of the hash for some thousands of them, and digests of hosts add up to that of the swarm, as
long as a partition is never on two hosts at once.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final
from zlib import crc32

import msgpack
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from .running import runner

PARTITIONS: Final = 256
"""Enough for some dozens of hosts to share them evenly; few enough that each has much to hash at once."""

LONG: Final = 4
"""Digits of a number that is long,"""

BLOCK: Final = 2
"""and how many of them do not matter to where its agent is."""

FULL: Final = 32_768
"""Letters that are noted before they are hashed; until then they stay in memory."""


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


class Digest:
    """What the agents of one host were given."""

    def __init__(self) -> None:
        self._notes: list[list[Any]] = [[] for _ in range(PARTITIONS)]
        self._hashes = [sha256() for _ in range(PARTITIONS)]
        self._begun: set[int] = set()
        """Partitions that have agents here."""
        self._noted = 0
        self._pack = msgpack.Packer(autoreset=True, default=_plain).pack

    def notes(self, name: str) -> list[Any]:
        """Where to note what an agent is given, six things a letter: round, recipient, sender, number, type, fields."""
        return self._notes[partition_of(name)]

    def noted(self, letters: int) -> None:
        """So many more were noted."""
        self._noted += letters
        if self._noted >= FULL:
            self._hash()

    def total(self) -> int:
        """128 bits. Those of hosts add up, modulo 2^128."""
        self._hash()
        whole = 0
        for number in self._begun:
            mark = number.to_bytes(2, "big") + self._hashes[number].digest()
            whole += int.from_bytes(sha256(mark).digest()[:16], "big")
        return whole & (1 << 128) - 1

    def _hash(self) -> None:
        self._noted = 0
        for number, notes in enumerate(self._notes):
            if notes:
                self._begun.add(number)
                bare = _bare(self._pack(notes), len(notes)) if runner is None else runner.pack(notes, self._pack)
                self._hashes[number].update(bare)
                notes.clear()


def _bare(data: bytes, length: int) -> memoryview:
    """A packed list without its head, which says how long it is: how much is hashed at once must not matter."""
    head = 1 if length < 1 << 4 else 3 if length < 1 << 16 else 5
    return memoryview(data)[head:]


def _plain(value: Any) -> Any:
    """What msgpack has no type for, as something that it has one for, and that does not depend on the process."""
    if isinstance(value, BaseModel):
        return value.__dict__
    if isinstance(value, set | frozenset):
        return sorted(msgpack.packb(each, default=_plain) for each in value)
    if isinstance(value, int):  # wider than 64 bits
        return hex(value)
    return to_jsonable_python(value, fallback=lambda strange: type(strange).__qualname__)
