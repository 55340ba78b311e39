"""How measurements are taken: in turn, us and each peer, until everyone has had its rounds.

Under changing load only what was measured side by side can be compared. So nobody has all its rounds on end: each
round visits everyone once, and the next one in reverse order, which cancels a steady drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from bench.load import Load, Measure

GROWTH: Final = 8
"""While we find out how much fits into a round, each try is at most so many times the one before."""


class Pace(NamedTuple):
    """How often, and how long."""

    rounds: int = 5
    """Counted measurements of everyone; 5."""
    seconds: float = 0.35
    """What one measurement should take; 0.35 s."""


QUICK: Final = Pace(rounds=2, seconds=0.05)

Said = Callable[[str], None]
"""Hears what is being done."""


class Series(NamedTuple):
    """What came of everyone, by name."""

    rates: dict[str, list[float]]
    """Operations per second, one figure for each round."""
    failures: dict[str, str]
    """Why somebody was dropped."""


async def alternate(entrants: Mapping[str, Measure], load: Load, pace: Pace, said: Said) -> Series:
    """Measure everyone in turn. Who fails is dropped and named; the others go on."""
    counts: dict[str, int] = {}
    rates: dict[str, list[float]] = {}
    failures: dict[str, str] = {}
    for name, measure in entrants.items():
        said(f"{name}, warming up")
        try:
            counts[name] = await fitting(measure, load, pace.seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is, the record shall say so
            failures[name] = describe(error)
    for number in range(pace.rounds):
        order = list(counts) if number % 2 == 0 else list(reversed(counts))
        for name in order:
            if name in failures:
                continue
            said(f"{name}, round {number + 1} of {pace.rounds}")
            try:
                taken = await entrants[name](load._replace(operations=counts[name]))
            except Exception as error:  # noqa: BLE001 - the same
                failures[name] = describe(error)
            else:
                rates.setdefault(name, []).append(taken.rate)
    return Series({name: found for name, found in rates.items() if name not in failures}, failures)


async def fitting(measure: Measure, load: Load, seconds: float) -> int:
    """How many operations take about so long, and no fewer than the load says. What this does is the warm-up."""
    count = load.operations
    while True:
        taken = await measure(load._replace(operations=count))
        fits = int(taken.rate * seconds)
        if taken.seconds >= seconds / 2 or fits <= count:
            return max(load.operations, fits)
        count = min(fits, count * GROWTH)


def describe(error: BaseException) -> str:
    """One line."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
