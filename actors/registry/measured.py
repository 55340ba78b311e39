"""What a kind has shown so far: how often it was asked, how often it succeeded, how long it took, what it cost."""

from __future__ import annotations

import math
from typing import NamedTuple

from stigmergy.protocols.errors import UsageError


class Measured(NamedTuple):
    """Running sums over the turns of one kind. What was never measured is None, not zero.

    A named tuple, because one is made for every turn of the swarm.
    """

    calls: int = 0
    ok: int = 0
    latency_s: float = 0.0
    priced: int = 0
    """Calls whose cost is known."""
    usd: float = 0.0

    def add(self, *, ok: bool, latency_s: float, usd: float | None = None) -> Measured:
        """One call more. Raises: UsageError for what is negative or not finite."""
        _check("latency_s", latency_s)
        calls, succeeded, took_s, priced, cost = self
        if usd is not None:
            _check("usd", usd)
            priced, cost = priced + 1, cost + usd
        return Measured(calls + 1, succeeded + ok, took_s + latency_s, priced, cost)

    @property
    def success(self) -> float:
        """Expected share of successes: (ok + 1) / (calls + 2), Laplace's rule, so that one lucky call is no 100 %."""
        return (self.ok + 1) / (self.calls + 2)

    @property
    def mean_latency_s(self) -> float | None:
        """Seconds a call took."""
        return self.latency_s / self.calls if self.calls else None

    @property
    def mean_usd(self) -> float | None:
        """USD a call cost, over those whose cost is known."""
        return self.usd / self.priced if self.priced else None

    def to_plain(self) -> list[int | float]:
        """As msgpack-able data."""
        return list(self)


def _check(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise UsageError(f"{name} of an outcome is {value!r}; give a finite number, 0 or more")
