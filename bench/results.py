"""The record: what a row says, and which way round its ratio is read.

The rule of this file: a ratio is always ours over the peer's, in the unit of the row. Where more is better
(operations per second) above 1 is a win; where less is better (milliseconds) below 1 is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. What could not be measured is None, and ``error`` says why."""

    name: str
    unit: str
    better: Better
    ours: float | None
    """Median of all rounds."""
    ours_name: str
    peer: float | None
    peer_name: str
    ratio: float | None
    """``ours / peer``."""
    bar: float | None
    """The ratio that we promise: at least this where higher is better, at most where lower is. None: no promise."""
    limit: float | None
    """What ``ours`` may be at most, in the unit of the row and whatever the peer is; None: no promise."""
    met: bool | None
    """Whether what we promise is kept; None without a promise, or without the figure for it."""
    spread: dict[str, tuple[float, float]]
    """Least and greatest of the rounds: of ``ours``, of ``peer``, and of ``ratio`` within one round."""
    error: str = ""

    @property
    def alone(self) -> bool:
        """Whether both sides are ours, so that nobody can be ahead: ``local, ...`` or ``Ray, ...``."""
        return self.peer_name.startswith(("local,", "Ray,"))

    @property
    def won(self) -> bool | None:
        """Whether we are ahead of the peer, or level with it; None when one of us was not measured, or is no peer."""
        if self.ratio is None or self.alone:
            return None
        return self.ratio >= 1 if self.better == "higher" else self.ratio <= 1

    def to_plain(self) -> dict[str, Any]:
        """For JSON, with figures of five digits."""
        plain = asdict(self)
        plain["ours"], plain["peer"], plain["ratio"] = map(_rounded, (self.ours, self.peer, self.ratio))
        plain["spread"] = {name: [_rounded(low), _rounded(high)] for name, (low, high) in self.spread.items()}
        return plain


@dataclass(frozen=True, slots=True)
class Heading:
    """What a row is called before it is measured."""

    name: str
    unit: str
    ours_name: str
    peer_name: str
    bar: float | None = None
    limit: float | None = None

    @property
    def better(self) -> Better:
        """More of ``.../s``, less of anything else."""
        return "higher" if self.unit.endswith("/s") else "lower"

    def row(self, ours: Sequence[float], peer: Sequence[float], error: str = "") -> Row:
        """The row for rates in operations per second, one for each round; empty for what was not measured."""
        own, other = self._in_unit(ours), self._in_unit(peer)
        spread = {name: (min(found), max(found)) for name, found in (("ours", own), ("peer", other)) if found}
        ratio: float | None = None
        if own and other:
            ratio = median(own) / median(other)
            ratios = [a / b for a, b in zip(own, other, strict=True)]
            spread["ratio"] = (min(ratios), max(ratios))
        return Row(
            name=self.name,
            unit=self.unit,
            better=self.better,
            ours=median(own) if own else None,
            ours_name=self.ours_name,
            peer=median(other) if other else None,
            peer_name=self.peer_name,
            ratio=ratio,
            bar=self.bar,
            limit=self.limit,
            met=self._met(median(own) if own else None, ratio),
            spread=spread,
            error=error,
        )

    def _in_unit(self, rates: Sequence[float]) -> list[float]:
        return list(rates) if self.better == "higher" else [1_000 / rate for rate in rates]

    def _met(self, ours: float | None, ratio: float | None) -> bool | None:
        kept = []
        if self.limit is not None and ours is not None:
            kept.append(ours <= self.limit)
        if self.bar is not None and ratio is not None:
            kept.append(ratio >= self.bar if self.better == "higher" else ratio <= self.bar)
        return all(kept) if kept else None


def record(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """The text of results.json: what the figures depend on, then one row a line."""
    head = json.dumps(about, indent=1).removesuffix("\n}")
    lines = ",\n  ".join(json.dumps(row.to_plain()) for row in rows)
    return f'{head},\n "rows": [\n  {lines}\n ]\n}}\n'


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
