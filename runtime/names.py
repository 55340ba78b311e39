"""Names of a driver's requests: what is asked, and how often the same was asked before.

So a driver that runs again from its beginning names its requests as it did, and the board knows each
as a repeat. A request that was refused and left no trace gives its number back.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from heapq import heappop, heappush
from typing import NamedTuple

from stigmergy.protocols.ids import derive_id


class Name(NamedTuple):
    """What a request is called."""

    what: str
    """Its content, as an id."""
    number: int
    """The first one like it is 1."""

    @property
    def id(self) -> str:
        """Unlike that of any other request of this run; the same when the driver runs again."""
        return derive_id(self.what, self.number)


class Names:
    """Names of the requests that one client makes; some 16 bytes for each that differs from all others."""

    def __init__(self, run: str, client: str) -> None:
        self._run = run
        self._client = client
        self._once = Digests()
        """What was asked."""
        self._more: dict[str, int] = {}
        """What was asked more than once, and how often."""
        self._free: dict[str, list[int]] = {}
        """Numbers that were given back."""

    def take(self, mode: str, to: str, message_type: str, body: bytes) -> Name:
        """The name of the next request of this content."""
        what = derive_id(self._run, self._client, mode, to, message_type, blake2b(body, digest_size=16).hexdigest())
        free = self._free.get(what)
        if free:
            return Name(what, heappop(free))
        number = 1
        if not self._once.add(int(what[:16], 16)):
            number = self._more[what] = self._more.get(what, 1) + 1
        return Name(what, number)

    def give_back(self, name: Name) -> None:
        """A request was refused as if it had never been made."""
        heappush(self._free.setdefault(name.what, []), name.number)


class Digests:
    """A set of numbers of 64 bits that keeps nothing but the numbers: open addressing in an array.

    Two of a million contents share a number once in 37 million runs; the second then counts as a repeat of the first.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1_024))
        self._count = 0

    def add(self, digest: int) -> bool:
        """Put a number in. Whether it was new."""
        if 3 * self._count >= 2 * len(self._slots):
            self._grow()
        place = self._place(digest or 1)
        if self._slots[place]:
            return False
        self._slots[place] = digest or 1
        self._count += 1
        return True

    def _place(self, digest: int) -> int:
        """Where a number is, or would be."""
        slots, last = self._slots, len(self._slots) - 1
        place = digest & last
        while slots[place] not in {0, digest}:
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        before, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for digest in filter(None, before):
            self._slots[self._place(digest)] = digest
