"""Trails: named numeric fields that agents deposit on, and that evaporate.

Owns the trails of one shard, and what may be done to them. The rule it keeps: reading changes
nothing, so the same operations in the same order give the same bits, however often they are
watched. The unit of time is whatever ``now`` counts: seconds in a live swarm, rounds in a lockstep
one. The arithmetic is in `field`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import nsmallest
from math import inf
from typing import Any

from stigmergy.protocols.errors import JournalError, UsageError
from stigmergy.protocols.ids import check_name

from .done import Done
from .field import Field, TrailRule, half_life

__all__ = ["TrailRule", "Trails", "half_life"]


class Trails:
    """The trails of one shard."""

    def __init__(self, record: Callable[[str, dict[str, Any]], None]) -> None:
        self._record = record
        self._trails: dict[str, Field] = {}
        self._done = Done()

    def define(self, trail: str, rule: TrailRule, now: float) -> bool:
        """Begin a trail, or change the rule of one from now on. False if it has this rule already.

        With a new rule untouched keys get the new baseline, the others keep what they hold. Raises: InvalidName.
        """
        known = self._trails.get(check_name(trail, "trail"))
        if known and known.rule == rule:
            return False
        fields = [rule.evaporation, rule.baseline, rule.floor, rule.ceiling]
        self._do("define", trail=trail, rule=fields, now=now)
        return True

    def deposit(self, trail: str, amounts: Mapping[str, float], now: float, *, op: str = "") -> None:
        """Add to keys. Deposits commute, late ones too: each counts as if made at its own time.

        (Up to rounding, and as long as neither floor nor ceiling is met.) ``op`` names the operation, as
        ``turn:step``: repeated it does nothing; empty: it cannot be repeated. Raises: UsageError.
        """
        self.check(trail, amounts, amounts.values())
        self._once(op, "deposit", trail=trail, amounts=dict(amounts), now=now)

    def blend(self, trail: str, keys: Sequence[str], toward: float, rate: float, now: float, *, op: str = "") -> None:
        """Move keys towards a value: v becomes ``(1 - rate) * v + rate * toward``, once for each time a key is listed.

        The local and the global update of Ant Colony System (Dorigo and Gambardella 1997). Raises: UsageError.
        """
        self.check(trail, keys, (toward,), rate)
        self._once(op, "blend", trail=trail, keys=list(keys), toward=toward, rate=rate, now=now)

    def connect(self, trail: str, neighbours: Mapping[str, Sequence[str]]) -> None:
        """Say which keys lie next to which, for `diffuse`. Replaces what was said before. Raises: UsageError."""
        self.check(trail, neighbours)
        for near in neighbours.values():
            self.check(trail, near)
        self._do("connect", trail=trail, neighbours={key: list(near) for key, near in neighbours.items()})

    def diffuse(self, trail: str, share: float, now: float, *, op: str = "") -> None:
        """Every connected key gives this share of what it holds to its neighbours, in equal parts, all at once.

        Raises: UsageError.
        """
        self.check(trail, share=share)
        self._once(op, "diffuse", trail=trail, share=share, now=now)

    def prune(self, trail: str, within: float, now: float) -> int:
        """Forget keys that are within that distance of an untouched one, to save memory. Returns how many.

        Raises: UsageError.
        """
        self.check(trail, amounts=(within,))
        level = self.baseline(trail, now)
        weak = [key for key, value in self.read(trail, now).items() if abs(value - level) <= within]
        if weak:
            self._do("prune", trail=trail, keys=weak)
        return len(weak)

    def clear(self, trail: str, now: float) -> None:
        """Make every key untouched, at the full baseline. Raises: UsageError."""
        self.check(trail)
        self._do("clear", trail=trail, now=now)

    def forget(self, turns: Iterable[str]) -> None:
        """Drop the operations of turns that are committed and so will not be repeated."""
        known = self._done.known(turns)
        if known:
            self._do("forget", turns=known)

    def read(self, trail: str, now: float, *, keys: Iterable[str] | None = None, prefix: str = "") -> dict[str, float]:
        """Intensities of the given keys, or of every touched key with that prefix. Raises: UsageError."""
        t = self._find(trail)
        if keys is not None:
            return {key: t.value(key, now) for key in keys}
        if prefix:
            return {key: t.value(key, now) for key in t.values if key.startswith(prefix)}
        return t.all(now)

    def baseline(self, trail: str, now: float) -> float:
        """What an untouched key holds at that time. Raises: UsageError."""
        return self._find(trail).untouched(now)

    def strongest(self, trail: str, n: int, now: float) -> list[tuple[str, float]]:
        """The n most intense touched keys, strongest first, equals by key. Raises: UsageError."""
        return nsmallest(n, self.read(trail, now).items(), key=lambda item: (-item[1], item[0]))

    def rule(self, trail: str) -> TrailRule | None:
        """The rule of a trail, or None when it was never defined."""
        return self._trails[trail].rule if trail in self._trails else None

    def check(self, trail: str, keys: Iterable[str] = (), amounts: Iterable[float] = (), share: float = 0.0) -> None:
        """Raise what an operation with these would raise, and change nothing. Raises: UsageError."""
        self._find(trail)
        check_values(trail, keys, amounts, share)

    def check_defined(self, trail: str) -> None:
        """Raise for a trail that nobody has defined. Raises: UsageError."""
        self._find(trail)

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data; ``apply("trails.restore", it)`` brings it back."""
        return {"trails": {name: t.snapshot() for name, t in self._trails.items()}, "done": self._done.snapshot()}

    def copy(self, trail: str) -> dict[str, Any]:
        """One trail as the data of a ``trails.copy`` entry. Raises: UsageError."""
        return {"trail": trail, "field": self._find(trail).snapshot()}

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as one journal entry says. Raises: JournalError for an entry of another kind."""
        self._done.add(data.get("op", ""), None)
        match kind:
            case "trails.define":
                t = self._trails.setdefault(data["trail"], Field(data["now"]))
                t.change_rule(TrailRule(*data["rule"]), data["now"])
            case "trails.deposit":
                self._trails[data["trail"]].deposit(data["amounts"], data["now"])
            case "trails.blend":
                t = self._trails[data["trail"]]
                t.blend(data["keys"], data["toward"], data["rate"], data["now"])
            case "trails.connect":
                self._trails[data["trail"]].near = data["neighbours"]
            case "trails.diffuse":
                self._trails[data["trail"]].diffuse(data["share"], data["now"])
            case "trails.prune":
                self._trails[data["trail"]].drop(data["keys"])
            case "trails.clear":
                self._trails[data["trail"]].clear(data["now"])
            case "trails.forget":
                self._done.forget(data["turns"])
            case "trails.copy":
                self._trails[data["trail"]] = Field.restore(data["field"])
            case "trails.restore":
                self._done = Done(data["done"])
                self._trails = {name: Field.restore(t) for name, t in data["trails"].items()}
            case _:
                raise JournalError(f"entry kind {kind!r} is not one of trails; was it written by a newer version?")

    def _once(self, op: str, verb: str, **data: Any) -> None:
        if op not in self._done:
            self._do(verb, **data, op=op)

    def _do(self, verb: str, **data: Any) -> None:
        self._record(f"trails.{verb}", data)
        self.apply(f"trails.{verb}", data)

    def _find(self, trail: str) -> Field:
        if trail not in self._trails:
            define = f"await ctx.trail({trail!r}).define()"
            raise UsageError(f"trail {trail!r} is not defined: {define} before its first deposit")
        return self._trails[trail]


def check_values(trail: str, keys: Iterable[str], amounts: Iterable[float], share: float) -> None:
    """Raise for what no trail takes, wherever it is. Raises: UsageError."""
    if not 0 <= share <= 1:
        raise UsageError(f"trail {trail!r}: a rate or share of {share} is not valid; give 0 to 1")
    for key in keys:
        if type(key) is not str or not key:
            raise UsageError(f"trail {trail!r}: key {key!r:.80} is not valid; give 1 character or more")
    for amount in amounts:
        if not 0 <= amount < inf:
            raise UsageError(f"trail {trail!r}: {amount} is not valid; give a finite number from 0 (blend can weaken)")
