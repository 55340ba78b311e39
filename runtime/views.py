"""Views of the blackboard: facts, trails, claims and topics, as agents and drivers use them.

A view knows the operations; the `Reach` behind it knows the way. Inside a turn, what needs no answer
waits for the commit; what may be refused happens at once and is told. Readings that may be a little
old (``max_age_s``) come from a copy on the agent's own host, without a way to the board.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from stigmergy.actors.board.workitems import Claim
from stigmergy.protocols.codec import check, unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.message import Message, decode_as

M = TypeVar("M", bound=Message)


class Reach(Protocol):
    """A way to the blackboard."""

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float = 0.0) -> Any:
        """Read what was true at most so long ago; 0: what is true now."""
        ...

    async def act(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Change at once."""
        ...


class Fact(NamedTuple):
    """A value and its version, from 1."""

    value: Any
    version: int
    writer: str


class Facts:
    """Versioned values with compare-and-set. Values are plain data: numbers, text, lists, dicts."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def get(self, key: str, *, max_age_s: float = 0.0) -> Fact | None:
        """What a key holds, or None; or what it held at most ``max_age_s`` ago."""
        found = await self._reach.look("facts.get", {"key": key}, max_age_s)
        return None if found is None else Fact(*found)

    async def put(self, key: str, value: Any, *, expect: int | None = None) -> int:
        """Write a value now; returns its version. ``expect`` is the version it must have: 0 for no value yet.

        Raises: Conflict when it has another version; Malformed for no plain data.
        """
        check(value, f"fact {key!r:.60}")
        version, _ = await self._reach.act("facts.put", {"key": key, "value": value, "expect": expect})
        return int(version)

    async def delete(self, key: str, *, expect: int | None = None) -> None:
        """Remove a value now. Raises: Conflict."""
        await self._reach.act("facts.delete", {"key": key, "expect": expect})

    async def keys(self, prefix: str = "", *, limit: int = 1_000) -> list[str]:
        """Keys that begin so, in order; at most 1,000."""
        found: list[str] = await self._reach.look("facts.keys", {"prefix": prefix, "limit": limit})
        return found


class Trail:
    """A named numeric field that evaporates: what stigmergy is made of.

    Times are in units of your choice (rounds, say) when you give ``now``; else in seconds.
    """

    def __init__(self, reach: Reach, name: str) -> None:
        self._reach = reach
        self.name = name

    async def define(
        self,
        *,
        evaporation: float = 0.0,
        baseline: float = 0.0,
        floor: float = 0.0,
        ceiling: float | None = None,
        now: float | None = None,
    ) -> None:
        """Set the rule: the share lost in one unit of time, what untouched keys hold, and bounds (MAX-MIN).

        Defaults: nothing evaporates, untouched keys hold 0, no bounds. Defining it alike again changes nothing.
        """
        rule: dict[str, Any] = {"evaporation": evaporation, "baseline": baseline, "floor": floor}
        if ceiling is not None:
            rule["ceiling"] = ceiling
        await self._reach.act("trails.define", {"trail": self.name, "rule": rule, "now": now})

    async def read(
        self,
        keys: Iterable[str] | None = None,
        *,
        prefix: str = "",
        now: float | None = None,
        max_age_s: float = 0.0,
    ) -> dict[str, float]:
        """Intensities of some keys, or of all that were touched and begin so.

        With ``max_age_s`` deposits of the last so many seconds may be missing; evaporation is never late.
        """
        wanted = None if keys is None else list(keys)
        arguments = {"trail": self.name, "keys": wanted, "prefix": prefix, "now": now}
        found: dict[str, float] = await self._reach.look("trails.read", arguments, max_age_s)
        return found

    async def strongest(self, n: int, *, now: float | None = None, max_age_s: float = 0.0) -> list[tuple[str, float]]:
        """The n most intense keys, strongest first; ``max_age_s`` as in `read`."""
        found = await self._reach.look("trails.strongest", {"trail": self.name, "n": n, "now": now}, max_age_s)
        return [(key, value) for key, value in found]

    async def deposit(self, amounts: Mapping[str, float], *, now: float | None = None) -> None:
        """Add to keys now. Inside a turn prefer `Context.deposit`, which is part of the turn. Raises: Malformed."""
        amounts = check(dict(amounts), f"trail {self.name!r:.60}")
        await self._reach.act("trails.deposit", {"trail": self.name, "amounts": amounts, "now": now})

    async def blend(self, keys: Sequence[str], toward: float, rate: float, *, now: float | None = None) -> None:
        """Move keys towards a value now: v becomes ``(1 - rate) * v + rate * toward``."""
        arguments = {"trail": self.name, "keys": list(keys), "toward": toward, "rate": rate, "now": now}
        await self._reach.act("trails.blend", arguments)


class Claims:
    """Work items, taken by lease: one holder at a time, back in line when the holder vanishes."""

    def __init__(self, reach: Reach, queue: str, epoch: int = 0) -> None:
        self._reach = reach
        self._queue = queue
        self._epoch = epoch

    async def offer(self, item: str, payload: bytes = b"", *, priority: int = 0) -> bool:
        """Put an item up for work; higher priority first. False if its id was offered before."""
        arguments = {"queue": self._queue, "item": item, "payload": payload, "priority": priority}
        return bool(await self._reach.act("claims.offer", arguments))

    async def take(self, *, lease_s: float = 30.0, item: str = "") -> Claim | None:
        """Claim the next item, or a given one; None when there is none to have. The lease is 30 s."""
        arguments = {"queue": self._queue, "epoch": self._epoch, "lease_s": lease_s, "item": item}
        found = await self._reach.act("claims.take", arguments)
        return None if found is None else Claim(*found)

    async def complete(self, claim: Claim) -> None:
        """Finish an item for good. Raises: ClaimLost when the lease has ended."""
        arguments = {"queue": self._queue, "item": claim.item, "token": claim.token}
        await self._reach.act("claims.complete", arguments)

    async def fail(self, claim: Claim, reason: str) -> None:
        """Give an item back. Raises: ClaimLost."""
        arguments = {"queue": self._queue, "item": claim.item, "token": claim.token, "reason": reason}
        await self._reach.act("claims.fail", arguments)

    async def waiting(self) -> int:
        """How many items wait."""
        depth = await self._reach.look("claims.depth", {"queue": self._queue})
        return int(depth[0])


class Post(NamedTuple):
    """What stands on a topic."""

    offset: int
    """From 1, without a gap."""
    sender: str
    at: float
    """Unix seconds."""
    envelope: Envelope | None
    """Of the message. None of work that died; of a message that died, its own."""
    dead: Mapping[str, Any]
    """On the topic ``dead-letters``: ``reason``, ``detail``, and others. Empty of any other post."""

    @property
    def message_type(self) -> str:
        """The message's type, ``Name@1``; empty when there is none."""
        return "" if self.envelope is None else self.envelope.type

    def read(self, cls: type[M]) -> M:
        """The message. Raises: Malformed when it is of another type; UnknownVersion."""
        return decode_as(cls, self.message_type, b"" if self.envelope is None else self.envelope.body)


async def read_topic(
    reach: Reach, topic: str, after: int = 0, limit: int = 100, *, max_age_s: float = 0.0
) -> list[Post]:
    """The posts behind an offset, oldest first; the newest ``max_age_s`` may be missing."""
    found = await reach.look("topics.read", {"topic": topic, "after": after, "limit": limit}, max_age_s)
    return [_post(*fields) for fields in found]


def _post(offset: int, _id: str, writer: str, at: float, body: bytes) -> Post:
    plain = unpack(body)
    dead = plain if isinstance(plain, dict) else {}
    wired = dead.get("envelope") if dead else plain
    return Post(offset, writer, at, None if wired is None else Envelope.from_wire(wired), dead)
