"""A bounded memory that keeps what is in use.

Two generations: what is asked for moves to the young one; when that is full, the old one is dropped
whole. So between one and two times the room is kept, each step costs a dictionary look-up or two, and
a loop, which by its nature comes back to the same few things, is never forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping that forgets what was not used for long."""

    __slots__ = ("_old", "_room", "_young")

    def __init__(self) -> None:
        self._young: dict[K, V] = {}
        self._old: dict[K, V] | None = None
        self._room = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old or ())

    def __iter__(self) -> Iterator[V]:
        yield from self._young.values()
        yield from (self._old or {}).values()

    def __contains__(self, key: K) -> bool:
        return key in self._young or (self._old is not None and key in self._old)

    def get(self, key: K) -> V | None:
        """What is kept under ``key``; asking keeps it."""
        found = self._young.get(key)
        if found is None and self._old is not None:
            found = self._old.pop(key, None)
            if found is not None:
                self.put(key, found, self._room)
        return found

    def put(self, key: K, value: V, room: int) -> None:
        """Keep ``value``, and drop the old generation once the young one holds ``room`` things."""
        if len(self._young) >= room:
            self._age(room)
        self._young[key] = value

    def add(self, key: K, value: V, room: int) -> bool:
        """Keep ``value`` unless something is kept under ``key`` already. Returns whether it was new."""
        if key in self._young or (self._old is not None and key in self._old):
            return False
        if len(self._young) >= room:
            self._age(room)
        self._young[key] = value
        return True

    def lacks(self, keys: KeysView[K]) -> bool:
        """Whether nothing is kept under any of these."""
        return self._young.keys().isdisjoint(keys) and (self._old is None or self._old.keys().isdisjoint(keys))

    def put_all(self, values: Mapping[K, V], room: int) -> None:
        """Keep values that are new, in their order."""
        if len(self._young) + len(values) <= room:
            self._young.update(values)
            return
        for key, value in values.items():
            self.put(key, value, room)

    def forget(self, key: K) -> None:
        """Drop what is kept under ``key``, if anything."""
        self._young.pop(key, None)
        if self._old is not None:
            self._old.pop(key, None)

    def _age(self, room: int) -> None:
        self._room = room
        self._old = self._young
        self._young = {}
