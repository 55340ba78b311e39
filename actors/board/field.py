"""The numbers of one trail, and what becomes of them with time.

The rule it keeps: evaporation is computed when somebody looks, in closed form, so a trail costs
nothing while nobody does. An intensity v that was written at time s reads as
``v * (1 - evaporation) ** (now - s)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import float_info
from typing import Any, Final

from stigmergy.protocols.errors import UsageError

LARGEST: Final = float_info.max


@dataclass(frozen=True, slots=True)
class TrailRule:
    """How one trail behaves. Raises: UsageError unless 0 <= floor <= baseline <= ceiling and 0 <= evaporation <= 1."""

    evaporation: float = 0.0
    """Share that is lost in one unit of time; 0: nothing evaporates (Ant System's rho, Dorigo et al. 1996)."""
    baseline: float = 0.0
    """What every key holds at first; it evaporates like a deposit (tau 0)."""
    floor: float = 0.0
    """No key falls below it (tau min of MAX-MIN Ant System, Stützle and Hoos 2000)."""
    ceiling: float = LARGEST
    """No key rises above it (tau max). Default: the largest float, 1.8e308."""

    def __post_init__(self) -> None:
        if not 0 <= self.evaporation <= 1:
            raise UsageError(
                f"evaporation {self.evaporation} is not valid: give the share lost in a unit of time, 0 to 1"
            )
        if not 0 <= self.floor <= self.baseline <= self.ceiling <= LARGEST:
            raise UsageError(
                f"floor {self.floor}, baseline {self.baseline}, ceiling {self.ceiling} are not valid: "
                "give finite numbers from 0, in this order"
            )


def half_life(units: float) -> float:
    """The evaporation that halves an intensity in that many units of time. Raises: UsageError."""
    if not units > 0:
        raise UsageError(f"a half-life of {units} is not valid; give more than 0")
    return float(1.0 - 0.5 ** (1.0 / units))


class Field:
    """The touched keys of one trail: what each held, and when that was."""

    def __init__(self, now: float) -> None:
        self.rule = TrailRule()
        self.since = now
        self.values: dict[str, float] = {}
        self.stamps: dict[str, float] = {}
        self.near: dict[str, list[str]] = {}

    def left(self, age: float) -> float:
        """The share that is left after that time."""
        return float((1 - self.rule.evaporation) ** age) if age > 0 else 1.0

    def value(self, key: str, now: float) -> float:
        """What a key holds."""
        if key in self.values:
            return max(self.values[key] * self.left(now - self.stamps[key]), self.rule.floor)
        return self.untouched(now)

    def untouched(self, now: float) -> float:
        """What a key holds that nobody has touched."""
        return max(self.rule.baseline * self.left(now - self.since), self.rule.floor)

    def all(self, now: float) -> dict[str, float]:
        """What every touched key holds."""
        if not self.rule.evaporation:
            return dict(self.values)
        # One power for each time of writing, not for each key, and no call to max: a third of the time.
        left = {stamp: self.left(now - stamp) for stamp in set(self.stamps.values())}
        stamps, floor = self.stamps, self.rule.floor
        return {
            key: intensity if (intensity := value * left[stamps[key]]) > floor else floor
            for key, value in self.values.items()
        }

    def deposit(self, amounts: dict[str, float], now: float) -> None:
        """Add to keys; what comes late has evaporated since its own time."""
        for key, amount in amounts.items():
            late = self.stamps.get(key, self.since) - now
            self._set(key, self.value(key, now) + amount * self.left(late), now)

    def blend(self, keys: list[str], toward: float, rate: float, now: float) -> None:
        """Move keys towards a value, each as often as it is listed."""
        for key in keys:
            self._set(key, (1 - rate) * self.value(key, now) + rate * toward, now)

    def diffuse(self, share: float, now: float) -> None:
        """Let every connected key give to its neighbours, all at once."""
        change: dict[str, float] = {}
        for key, near in self.near.items():
            given = share * self.value(key, now)
            if near and given:
                change[key] = change.get(key, 0.0) - given
                for other in near:
                    change[other] = change.get(other, 0.0) + given / len(near)
        for key, moved in change.items():
            self._set(key, self.value(key, now) + moved, now)

    def change_rule(self, rule: TrailRule, now: float) -> None:
        """Settle under the old rule, go on under the new one."""
        held = self.all(now)
        self.rule, self.since = rule, max(now, self.since)
        for key, value in held.items():
            self._set(key, value, now)

    def clear(self, now: float) -> None:
        """Make every key untouched."""
        self.since = max(now, self.since)
        self.values, self.stamps = {}, {}

    def drop(self, keys: list[str]) -> None:
        """Make some keys untouched."""
        for key in keys:
            self.values.pop(key, None)
            self.stamps.pop(key, None)

    def snapshot(self) -> dict[str, Any]:
        """The trail as plain data."""
        r = self.rule
        held = {"values": dict(self.values), "stamps": dict(self.stamps), "near": dict(self.near)}
        return {"rule": [r.evaporation, r.baseline, r.floor, r.ceiling], "since": self.since, **held}

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Field:
        """The inverse of `snapshot`."""
        t = cls(data["since"])
        t.rule = TrailRule(*data["rule"])
        t.values, t.stamps, t.near = dict(data["values"]), dict(data["stamps"]), dict(data["near"])
        return t

    def _set(self, key: str, value: float, now: float) -> None:
        self.values[key] = min(max(value, self.rule.floor), self.rule.ceiling)
        self.stamps[key] = max(now, self.stamps.get(key, self.since))
