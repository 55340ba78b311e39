"""A journal for one machine under test: it keeps entries as bytes, as a disk would."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.errors import StorageFull


class Machine(Protocol):
    def apply(self, kind: str, data: dict[str, Any]) -> None: ...


M = TypeVar("M", bound=Machine)


class Entries:
    """Give it to a machine as ``record``; `replay` feeds what was recorded into a fresh one."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, bytes]] = []
        self.full = False

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        if self.full:
            raise StorageFull("no room")
        self.rows.append((kind, pack(data)))

    def __len__(self) -> int:
        return len(self.rows)

    def replay(self, machine: M) -> M:
        for kind, packed in self.rows:
            machine.apply(kind, unpack(packed))
        return machine
