"""What the ledger tells its callers: reservations, settlements, positions and alerts.

The rule of this file: records are values. Holding one gives no hold on the ledger.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from stigmergy.protocols.budget import Budget, Spend

Outcome = Literal["settled", "forfeited", "released"]
"""Settled: the actual counts. Forfeited: the lease ended, the worst case counts. Released: nothing counts."""


class Reservation(NamedTuple):
    """The right to make one request that costs ``worst`` at most.

    It lasts ``lease_s`` seconds; after that the worst case counts as spent, until the actual is settled.
    """

    op: str
    account: str
    worst: Spend
    lease_s: float


class Forfeits(NamedTuple):
    """How many calls count at their worst case because nobody told what they did cost."""

    calls: int = 0
    tools: int = 0
    """Those of them that were calls of tools."""


class Settlement(NamedTuple):
    """What became of a reservation."""

    op: str
    account: str
    outcome: Outcome
    counted: Spend
    overrun: Spend
    """How far the actual went beyond what had been reserved for it; zero when budgets hold."""
    worst: Spend
    late: bool
    """Whether the actual came after the lease had ended, or after a release that should not have been."""


class Position(NamedTuple):
    """Where an account stands, everything below it included.

    ``settled.seconds`` is the wall clock since the account was opened, or first had a ceiling in seconds.
    ``reserved.agents`` is the number of live agents: they come back, like reservations.
    """

    account: str
    settled: Spend
    reserved: Spend
    ceiling: Budget
    available: Budget
    """What this account's own ceilings leave; an account above it may leave less (`Ledger.remainder`)."""


class Alert(NamedTuple):
    """An account has used up a share of a ceiling: 0.5, 0.8, 0.95 or 1.0. Each is told once per ceiling."""

    account: str
    dimension: str
    share: float
    used: float
    """In dollars when the dimension is ``usd``; so is ``ceiling``."""
    ceiling: float

    @property
    def is_stop(self) -> bool:
        """Whether nothing is left: the hard stop."""
        return self.share >= 1.0

    def __str__(self) -> str:
        verb = "is used up" if self.is_stop else f"is at {self.share:.0%}"
        return f"budget of account {self.account!r} {verb}: {self.used:g} of {self.ceiling:g} {self.dimension}"
