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
"""Letters that are noted before they are hashed; until then they are in memory, packed."""


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
    """What some agents were given, packed as it is noted. The runner has the same in C."""

    def __init__(self, pack: Callable[[Any], bytes]) -> None:
        self._pack = pack
        self._noted = bytearray()

    def add(self, *values: Any) -> None:
        """Note some values, at most 15, one behind the other."""
        self._noted += self._pack(values)[1:]  # without the head, which says how many they are

    def take(self) -> bytes:
        """All that was noted since the last time."""
        noted = bytes(self._noted)
        self._noted.clear()
        return noted


class Digest:
    """What the agents of one host were given."""

    def __init__(self) -> None:
        pack = msgpack.Packer(autoreset=True, default=_plain).pack
        notes: Any = Notes if runner is None else runner.Notes
        self._notes = [notes(pack) for _ in range(PARTITIONS)]
        self._hashes = [sha256() for _ in range(PARTITIONS)]
        self._begun: set[int] = set()
        """Partitions that have agents here."""
        self._noted = 0

    def notes(self, name: str) -> Any:
        """Where to add what an agent is given, six things a letter: round, recipient, sender, number, type, fields."""
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
            if noted := notes.take():
                self._begun.add(number)
                self._hashes[number].update(noted)


def _plain(value: Any) -> Any:
    """What msgpack has no type for, as something that it has one for, and that does not depend on the process."""
    if isinstance(value, BaseModel):
        return value.__dict__
    if isinstance(value, set | frozenset):
        return sorted(msgpack.packb(each, default=_plain) for each in value)
    if isinstance(value, int):  # wider than 64 bits
        return hex(value)
    return to_jsonable_python(value, fallback=lambda strange: type(strange).__qualname__)
