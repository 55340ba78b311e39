"""Limits: the ceilings of one account, and the alerts it still owes.

The rule of this file: an alert is told once per ceiling. A new ceiling starts its alerts anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from stigmergy.protocols.budget import FIELDS, Amount, Budget, dimension_of, in_units

from .records import Alert

PERCENTS: Final = (50, 80, 95, 100)
"""Shares of a ceiling that are told; 100 is the hard stop."""

INDEX: Final = {field: index for index, field in enumerate(FIELDS)}
"""Where a field's amount is, in every list of amounts of the ledger."""

AGENTS: Final = INDEX["agents"]
DEPTH: Final = INDEX["depth"]
SECONDS: Final = INDEX["seconds"]


class Limits:
    """Ceilings by `INDEX`, infinite where the budget names none; ``opened_at`` is on the ledger's clock."""

    __slots__ = ("budget", "ceilings", "marks", "opened_at", "told")

    def __init__(self, budget: Budget, opened_at: float) -> None:
        plain = budget.to_plain()
        self.budget = budget
        self.ceilings: list[Amount] = [plain.get(field, math.inf) for field in FIELDS]
        self.opened_at = opened_at
        self.told = [0] * len(FIELDS)
        """How many of the `PERCENTS` were told, by `INDEX`."""
        self.marks: list[Amount] = [self._mark(index) for index in range(len(FIELDS))]
        """How much must be used for the next alert: one comparison a payment."""

    def _mark(self, index: int) -> Amount:
        # A full house of agents, or the deepest spawn, is no reason to stop: both come back.
        last = len(PERCENTS) - (index == AGENTS)
        ceiling = self.ceilings[index]
        if index == DEPTH or self.told[index] >= last or math.isinf(ceiling):
            return math.inf
        percent = PERCENTS[self.told[index]]
        if index == SECONDS:
            return ceiling * percent / 100
        return max(1, -(-ceiling * percent // 100))  # rounded up, in integers

    def alerts(self, path: str, index: int, used: Amount) -> Iterator[Alert]:
        """The alerts that are due in one dimension, which count as told from now on."""
        ceiling = self.ceilings[index]
        while used >= self.marks[index]:
            share = PERCENTS[self.told[index]] / 100
            field = FIELDS[index]
            self.told[index] += 1
            self.marks[index] = self._mark(index)
            yield Alert(path, dimension_of(field), share, in_units(field, used), in_units(field, ceiling))
