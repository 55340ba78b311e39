"""A disk whose power can fail at any moment of a recorded past (``disk_recorder.c``).

What was synced is on the disk. Of everything since, the disk may have written any sectors, in any order, and not the
rest; a name that was made, changed or removed counts once its folder was synced, and before that perhaps.

Source of the model: Pillai and others, "All File Systems Are Not Created Equal" (ALICE), OSDI 2014.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
"""Bytes that a disk writes whole or not at all."""

_HEAD = struct.Struct("<cIQQ")


class Deed(NamedTuple):
    """One thing that the program did to a file; see ``disk_recorder.c`` for the letters."""

    what: str
    path: str
    offset: int
    data: bytes


def deeds(log: Path) -> Iterator[Deed]:
    """What was recorded, in order."""
    data, at = log.read_bytes(), 0
    while at < len(data):
        what, path_length, offset, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        path = data[at : at + path_length].decode()
        at += path_length
        size = length if what in b"WR" else 0
        yield Deed(what.decode(), path, offset, data[at : at + size])
        at += size


class _File:
    """One file: what is surely on the disk, and what has been written to it since."""

    def __init__(self) -> None:
        self.synced = b""
        self.since: list[Deed] = []

    def sync(self) -> None:
        self.synced = self.now(None)
        self.since.clear()

    def now(self, chance: random.Random | None) -> bytes:
        """Its content: with everything written since the last sync, or with what chance has left of that."""
        content = bytearray(self.synced)
        for deed in self.since:
            if deed.what == "T":
                if chance is None or chance.random() < 0.5:
                    content = content[: deed.offset].ljust(deed.offset, b"\0")
                continue
            for start, piece in _sectors(deed):
                if chance is None or chance.random() < 0.5:
                    if len(content) < start:
                        content.extend(bytes(start - len(content)))
                    content[start : start + len(piece)] = piece
        return bytes(content)


def _sectors(deed: Deed) -> Iterator[tuple[int, bytes]]:
    at, data = deed.offset, deed.data
    while data:
        room = SECTOR - at % SECTOR
        yield at, data[:room]
        at, data = at + room, data[room:]


class Disk:
    """The files below one folder."""

    def __init__(self) -> None:
        self._names: dict[str, _File] = {}
        """As the program sees them."""
        self._durable: dict[str, _File] = {}
        """As they surely are after a power failure."""

    def do(self, deed: Deed) -> None:
        """Take in what the program did."""
        if deed.what == "C":
            self._names[deed.path] = _File()
        elif deed.what in "WT":
            self._names.setdefault(deed.path, _File()).since.append(deed)
        elif deed.what == "S":
            self._names[deed.path].sync()
        elif deed.what == "U":
            self._names.pop(deed.path, None)
        elif deed.what == "R":
            self._names[deed.data.decode()] = self._names.pop(deed.path)
        elif deed.what == "D":
            folder = Path(deed.path)
            kept = {name: file for name, file in self._durable.items() if Path(name).parent != folder}
            self._durable = kept | {name: file for name, file in self._names.items() if Path(name).parent == folder}

    def fail(self, root: Path, into: Path, chance: random.Random) -> None:
        """Write what a power failure at this moment leaves, to another folder."""
        for name in sorted(self._names.keys() | self._durable.keys()):
            file = (self._names if chance.random() < 0.5 else self._durable).get(name)
            if file is not None:
                target = into / Path(name).relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.now(chance))
