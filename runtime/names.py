"""Names of a driver's requests: what is asked, and how often the same was asked before.

So a driver that runs again from its beginning names its requests as it did, and the board knows each
as a repeat. A request that was refused and left no trace gives its number back.
"""

from __future__ import annotations

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
    """Names of the requests that one client makes; about 200 bytes for each that differs from all others."""

    def __init__(self, run: str, client: str) -> None:
        self._run = run
        self._client = client
        self._made: dict[str, int] = {}
        self._free: dict[str, list[int]] = {}
        """Numbers that were given back."""

    def take(self, mode: str, to: str, message_type: str, body: bytes) -> Name:
        """The name of the next request of this content."""
        what = derive_id(self._run, self._client, mode, to, message_type, blake2b(body, digest_size=16).hexdigest())
        free = self._free.get(what)
        if free:
            return Name(what, heappop(free))
        number = self._made[what] = self._made.get(what, 0) + 1
        return Name(what, number)

    def give_back(self, name: Name) -> None:
        """A request was refused as if it had never been made."""
        heappush(self._free.setdefault(name.what, []), name.number)
