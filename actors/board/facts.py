"""Facts: versioned values with compare-and-set.

Owns the values of one shard. The rule it keeps: the version of a key only grows, also over a
delete and a new beginning. So a write that was decided on an old reading never succeeds by chance
(the ABA problem), and of two writers with the same expectation exactly one wins.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from stigmergy.protocols.codec import pack, pack_body, unpack, unpack_body
from stigmergy.protocols.errors import Conflict, InvalidName, JournalError

from .done import Done

RECALL: Final = 8
"""How many values of a key are remembered when asking whether the next is news: two agents that undo
each other's edits write a change every time, but nothing new."""

MAX_KEY: Final = 256
_FEW: Final = 32


class Fact(NamedTuple):
    """What a key holds now."""

    value: Any
    """Plain data, a fresh copy; mappings come back with their keys sorted."""
    version: int
    writer: str


class Put(NamedTuple):
    """One value to write. ``expect`` is the version it replaces, 0 for a new key, None for whatever is there."""

    key: str
    value: Any
    expect: int | None = None


class Delete(NamedTuple):
    """One key to delete, under the same expectation as in `Put`."""

    key: str
    expect: int | None = None


class Written(NamedTuple):
    """What a write came to."""

    version: int
    news: bool
    """Whether this value is none of the key's last 8 different ones. A repeated operation or a delete never is."""


class _Slot(NamedTuple):
    packed: bytes | None
    version: int
    writer: str
    recent: tuple[bytes, ...]


_EMPTY: Final = _Slot(None, 0, "", ())


class Facts:
    """The facts of one shard. A deleted key keeps its version, about 200 bytes of memory."""

    def __init__(self, record: Callable[[str, dict[str, Any]], None]) -> None:
        self._record = record
        self._slots: dict[str, _Slot] = {}
        self._done = Done()
        """The versions that each operation came to."""
        self._keys = _SortedKeys()

    def put(self, key: str, value: Any, writer: str, op: str, *, expect: int | None = None) -> Written:
        """Write one value. ``op`` names the operation, as ``turn:step``; empty: it cannot be repeated.

        The same operation again changes nothing and gets the same version. Raises: Conflict, InvalidName,
        Malformed, Oversized.
        """
        return self.write([Put(key, value, expect)], writer, op)[0]

    def delete(self, key: str, writer: str, op: str, *, expect: int | None = None) -> Written:
        """Remove one value; one that is not there is left alone. Raises: Conflict, InvalidName."""
        return self.write([Delete(key, expect)], writer, op)[0]

    def write(self, changes: Sequence[Put | Delete], writer: str, op: str) -> list[Written]:
        """Make all changes in order, or none. A later change of the same key sees the earlier one.

        Raises: Conflict, InvalidName, Malformed, Oversized.
        """
        if op in self._done:
            return [Written(version, news=False) for version in self._done[op]]
        packed, written = self._stage(changes)
        data = {"op": op, "writer": writer, "changes": packed}
        self._record("facts.write", data)
        self.apply("facts.write", data)
        return written

    def check(self, changes: Sequence[Put | Delete]) -> None:
        """Raise what `write` would raise for these changes, and change nothing.

        Raises: Conflict, InvalidName, Malformed, Oversized.
        """
        self._stage(changes)

    def get(self, key: str) -> Fact | None:
        """What the key holds, or None."""
        slot = self._slots.get(key, _EMPTY)
        return None if slot.packed is None else Fact(unpack(slot.packed), slot.version, slot.writer)

    def keys(self, prefix: str = "", *, after: str = "", limit: int = 1000) -> list[str]:
        """Keys with that prefix in order, at most ``limit`` of them, beginning behind ``after``."""
        return self._keys.page(prefix, after, limit)

    def __len__(self) -> int:
        return len(self._keys)

    def forget(self, turns: Iterable[str]) -> None:
        """Drop the operations of turns that are committed and so will not be repeated."""
        known = self._done.known(turns)
        if known:
            self._record("facts.forget", {"turns": known})
            self.apply("facts.forget", {"turns": known})

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data; ``apply("facts.restore", it)`` brings it back."""
        slots = {k: [s.packed, s.version, s.writer, list(s.recent)] for k, s in self._slots.items()}
        return {"slots": slots, "done": self._done.snapshot()}

    def copy(self, key: str) -> dict[str, Any]:
        """One key as the data of a ``facts.copy`` entry, also one that holds nothing. Raises: InvalidName."""
        slot = self._slots.get(_check_key(key), _EMPTY)
        return {"key": key, "slot": [slot.packed, slot.version, slot.writer, list(slot.recent)]}

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as one journal entry says. Raises: JournalError for an entry of another kind."""
        match kind:
            case "facts.write":
                versions = [self._set(key, packed, data["writer"]) for key, packed in data["changes"]]
                self._done.add(data["op"], versions)
            case "facts.forget":
                self._done.forget(data["turns"])
            case "facts.copy":
                self._slots[data["key"]] = _slot(data["slot"])
            case "facts.restore":
                self._slots = {key: _slot(slot) for key, slot in data["slots"].items()}
                self._done = Done(data["done"])
                self._keys = _SortedKeys(key for key, slot in self._slots.items() if slot.packed is not None)
            case _:
                raise JournalError(f"entry kind {kind!r} is not one of facts; was it written by a newer version?")

    def _stage(self, changes: Sequence[Put | Delete]) -> tuple[list[list[Any]], list[Written]]:
        staged: dict[str, _Slot] = {}
        packed, written = [], []
        for change in changes:
            key = _check_key(change.key)
            slot = staged.get(key) or self._slots.get(key, _EMPTY)
            version = 0 if slot.packed is None else slot.version
            if change.expect is not None and change.expect != version:
                raise Conflict(key, change.expect, version)
            value = _canonical(change.value) if isinstance(change, Put) else None
            staged[key] = after = _next(slot, value, "")
            packed.append([key, value])
            written.append(Written(after.version, value is not None and after.recent[-1] not in slot.recent))
        return packed, written

    def _set(self, key: str, packed: bytes | None, writer: str) -> int:
        old = self._slots.get(key, _EMPTY)
        new = _next(old, packed, writer)
        if new is not old:
            self._slots[key] = new
        if old.packed is None and packed is not None:
            self._keys.add(key)
        elif old.packed is not None and packed is None:
            self._keys.remove(key)
        return new.version


class _SortedKeys:
    """Live keys in order. New ones are sorted in when somebody looks, so that a million writes stay cheap."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._sorted: list[str] = []
        self._fresh: set[str] = set(keys)

    def __len__(self) -> int:
        return len(self._sorted) + len(self._fresh)

    def add(self, key: str) -> None:
        self._fresh.add(key)

    def remove(self, key: str) -> None:
        if key in self._fresh:
            self._fresh.remove(key)
        else:
            del self._sorted[bisect_left(self._sorted, key)]

    def page(self, prefix: str, after: str, limit: int) -> list[str]:
        if len(self._fresh) <= _FEW:
            for key in self._fresh:
                insort(self._sorted, key)
        else:
            self._sorted = sorted([*self._sorted, *self._fresh])
        self._fresh.clear()
        width = len(prefix)
        start = max(bisect_left(self._sorted, prefix), bisect_right(self._sorted, after) if after else 0)
        end = bisect_right(self._sorted, prefix, key=lambda key: key[:width])
        return self._sorted[start : min(end, start + max(limit, 0))]


def _next(slot: _Slot, packed: bytes | None, writer: str) -> _Slot:
    if packed is None and slot.packed is None:
        return slot
    recent = slot.recent
    if packed is not None:
        digest = _digest(packed)
        recent = (*(other for other in recent if other != digest), digest)[-RECALL:]
    return _Slot(packed, slot.version + 1, writer, recent)


def _slot(fields: list[Any]) -> _Slot:
    packed, version, writer, recent = fields
    return _Slot(packed, version, writer, tuple(recent))


def _digest(packed: bytes) -> bytes:
    return blake2b(packed, digest_size=8).digest()


def _check_key(key: str) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY:
        raise InvalidName(f"fact key {key!r:.80} is not valid: use 1 to {MAX_KEY} characters")
    return key


def _canonical(value: Any) -> bytes:
    """The one encoding of a value, within the limits of a message. Raises: Malformed, Oversized."""
    return pack(_sorted(unpack_body(pack_body(value))))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
