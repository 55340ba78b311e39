"""Pools: the names of the agents that take what is sent to a kind, and which of them are alive.

The rule of this file: a name says which pool and which number it is, so who is of a pool needs no table.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Final

POOLED: Final = "/pool."
"""Stands between the kind and the number of an agent of a pool."""


def names(kind: str, cap: int) -> Iterator[str]:
    """All that a pool may have, by number."""
    return (f"{kind}{POOLED}{number}" for number in range(1, cap + 1))


def pool_of(agent: str) -> tuple[str, int]:
    """The kind and the number of an agent of a pool; the number is 0 for any other."""
    kind, _, digits = agent.partition(POOLED)
    return kind, int(digits) if digits.isdecimal() and digits[0] != "0" else 0


class Crews:
    """The agents of pools that are alive, by kind."""

    def __init__(self, agents: Iterable[str]) -> None:
        """``agents`` are all that are alive; those of no pool are passed over, here and later."""
        self._numbers: dict[str, list[int]] = {}
        for agent in agents:
            self.enter(agent)

    def enter(self, agent: str) -> None:
        """An agent that was not alive is so now."""
        kind, number = pool_of(agent)
        if number:
            insort(self._numbers.setdefault(kind, []), number)

    def leave(self, agent: str) -> None:
        """An agent that was alive is so no more."""
        kind, number = pool_of(agent)
        if number:
            numbers = self._numbers[kind]
            del numbers[bisect_left(numbers, number)]

    def of(self, kind: str, cap: int) -> list[str]:
        """Those of a kind, by number."""
        numbers = self._numbers.get(kind, [])
        return [f"{kind}{POOLED}{number}" for number in numbers[: bisect_right(numbers, cap)]]
