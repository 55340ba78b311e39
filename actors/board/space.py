"""The shared space: topics, facts, claims and trails of one shard, behind named operations.

Agents reach it in three ways: a *look* reads, an *act* changes something at once (and may be told
no), a *write* is part of a turn and happens when the turn commits. ``op`` names what is done, so
that a repeat is known as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.turn import Write

from .areas import Area
from .arguments import checked
from .claims import Claims
from .facts import Delete, Facts, Put
from .topics import Topics
from .trails import TrailRule, Trails, check_values
from .workitems import Lapse

Record = Callable[[str, dict[str, Any]], None]
Arguments = dict[str, Any]


class Space:
    """The four kinds of thing on the blackboard."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.facts = Facts(record)
        self.claims = Claims(record)
        self.trails = Trails(record)
        self.topics = Topics(record)
        self._looks: dict[str, Callable[[Arguments, float], Any]] = {
            "facts.get": lambda a, _: _plain(self.facts.get(a["key"])),
            "facts.keys": lambda a, _: self.facts.keys(a.get("prefix", ""), limit=a.get("limit", 1000)),
            "trails.read": lambda a, now: self.trails.read(
                a["trail"], _at(a, now), keys=a.get("keys"), prefix=a.get("prefix", "")
            ),
            "trails.baseline": lambda a, now: self.trails.baseline(a["trail"], _at(a, now)),
            "trails.strongest": lambda a, now: self.trails.strongest(a["trail"], a["n"], _at(a, now)),
            "claims.peek": lambda a, _: [_plain(i) for i in self.claims.peek(a["queue"], a.get("limit", 100))],
            "claims.depth": lambda a, _: _plain(self.claims.depth(a["queue"])),
            "topics.read": lambda a, _: [
                _plain(p) for p in self.topics.read(a["topic"], a.get("after", 0), a.get("limit", 100))
            ],
            "trails.defined": lambda a, _: self.trails.check_defined(a["trail"]),
            "topics.last": lambda a, _: self.topics.last_offset(a["topic"]),
        }
        self._acts: dict[str, Callable[[Arguments, str, str, float], Any]] = {
            "facts.put": lambda a, who, op, _: list(
                self.facts.put(a["key"], a["value"], who, op, expect=a.get("expect"))
            ),
            "facts.delete": lambda a, who, op, _: list(self.facts.delete(a["key"], who, op, expect=a.get("expect"))),
            "trails.define": lambda a, _w, _o, now: self.trails.define(
                a["trail"], TrailRule(**a.get("rule", {})), _at(a, now)
            ),
            "trails.deposit": lambda a, _, op, now: self.trails.deposit(a["trail"], a["amounts"], _at(a, now), op=op),
            "trails.blend": lambda a, _, op, now: self.trails.blend(
                a["trail"], a["keys"], a["toward"], a["rate"], _at(a, now), op=op
            ),
            "claims.offer": lambda a, _w, op, _n: self.claims.offer(
                a["queue"], a["item"], a["payload"], priority=a.get("priority", 0), op=op
            ),
            "claims.take": lambda a, who, op, now: _plain(
                self.claims.take(
                    a["queue"], who, a["epoch"], op, now, lease_s=a.get("lease_s", 30.0), item=a.get("item", "")
                )
            ),
            "claims.renew": lambda a, _w, _o, now: self.claims.renew(a["queue"], a["item"], a["token"], now),
            "claims.complete": lambda a, _w, _o, _n: self.claims.complete(a["queue"], a["item"], a["token"]),
            "claims.fail": lambda a, _w, op, _n: self.claims.fail(
                a["queue"], a["item"], a["token"], a["reason"], op=op
            ),
            "topics.subscribe": lambda a, who, _o, _n: self.topics.subscribe(
                a["topic"], a.get("subscriber", who), "agents", after=a.get("after")
            ),
            "topics.unsubscribe": lambda a, who, _o, _n: self.topics.unsubscribe(a["topic"], who),
        }

    def begin_again(self) -> None:
        """Forget facts, claims and trails."""
        self.facts, self.claims, self.trails = Facts(self._record), Claims(self._record), Trails(self._record)

    def look(self, operation: str, arguments: Arguments, now: float) -> Any:
        """Read something. Raises: UsageError."""
        return self._find(self._looks, operation)(checked(operation, arguments), now)

    def act(self, operation: str, arguments: Arguments, who: str, op: str, now: float) -> Any:
        """Change something at once. Raises: Conflict, ClaimLost, UsageError."""
        return self._find(self._acts, operation)(checked(operation, arguments), who, op, now)

    def check(self, writes: Sequence[Write], far: Sequence[Write] = ()) -> None:
        """Raise what `write` would raise, and change nothing. Raises: Conflict, UsageError, Malformed.

        ``far`` are writes for other shards; here only what nobody takes is refused of them.
        """
        for write in (*writes, *far):
            _check_values(write)
        for write in writes:
            if write.part == "trails":
                self.trails.check_defined(write.arguments["trail"])
        self.facts.check(_puts((*writes, *far)))

    def write(self, writes: Sequence[Write], who: str, now: float) -> bool:
        """Carry out the writes of one turn, which were checked. Returns whether any of them is news.

        They need no operation id: a turn commits once.
        """
        puts = _puts(writes)
        news = bool(puts) and any(written.news for written in self.facts.write(puts, who, ""))
        for write in writes:
            if write.operation != "facts.put":
                self.act(write.operation, write.arguments, who, "", now)
        return news

    def forget(self, turn: str) -> None:
        """A turn is over: what it did at once cannot be repeated any more."""
        self.facts.forget([turn])
        self.trails.forget([turn])
        self.claims.over([turn])

    def copy(self, area: Area) -> tuple[str, dict[str, Any]]:
        """One area as an entry that makes it anew elsewhere. Raises: UsageError for a trail that is not defined."""
        part, name = area
        copy = {"facts": self.facts.copy, "trails": self.trails.copy, "topics": self.topics.copy}[part]
        return f"{part}.copy", copy(name)

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Replay one journal entry."""
        getattr(self, kind.partition(".")[0]).apply(kind, data)

    def expire(self, now: float) -> list[Lapse]:
        """Take back the claims whose leases have ended. Returns those that were an item's last attempt."""
        return [lapse for lapse in self.claims.expire(now) if lapse.dead]

    @staticmethod
    def _find(table: dict[str, Callable[..., Any]], operation: str) -> Callable[..., Any]:
        found = table.get(operation)
        if found is None:
            raise UsageError(f"the blackboard has no operation {operation!r:.60}; it has {', '.join(sorted(table))}")
        return found


def is_news(operation: str, result: Any) -> bool:
    """Whether an act brought something new into the world; the loop watchdog counts that as progress."""
    if operation == "facts.put":
        return bool(result[1])
    return operation == "claims.complete" and result is True


def _check_values(write: Write) -> None:
    if write.operation not in {"facts.put", "trails.deposit", "trails.blend"}:
        raise UsageError(f"{write.operation} cannot be part of a turn")
    a = checked(write.operation, write.arguments)
    if write.operation == "trails.deposit":
        check_values(a["trail"], a["amounts"], a["amounts"].values(), 0.0)
    elif write.operation == "trails.blend":
        check_values(a["trail"], a["keys"], (a["toward"],), a["rate"])


def _puts(writes: Sequence[Write]) -> list[Put | Delete]:
    return [Put(w.arguments["key"], w.arguments["value"]) for w in writes if w.operation == "facts.put"]


def _at(arguments: Arguments, now: float) -> float:
    """The caller's own time, for trails that count in rounds; else the board's."""
    at = arguments.get("now")
    return now if at is None else float(at)


def _plain(record: Any) -> Any:
    if record is None:
        return None
    return list(record) if isinstance(record, tuple) else asdict(record)
