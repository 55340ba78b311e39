"""Accounts: a tree of totals, some with ceilings.

The rule of this file: every amount stands in its account and in all accounts above it. So an
account can be taken out of the tree at any time and its totals stay, and a check that walks up
sees every ceiling that matters. A payment out of an account that was taken out still reaches the
accounts above.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from stigmergy.protocols.budget import CONSUMED, FIELDS, MAX_AMOUNT, Amount, Budget, Spend, dimension_of, in_units
from stigmergy.protocols.errors import BudgetExhausted, UsageError

from .limits import AGENTS, INDEX, SECONDS, Limits
from .paths import ROOT, parse
from .records import Alert, Position

Amounts = Mapping[str, Amount]
"""The plain form of a `Spend`: only what is not zero."""


class Account:
    """Totals of one account. Without ``limits`` it is totals and nothing else: about 0.5 KB."""

    __slots__ = ("children", "limits", "live", "parent", "path", "reserved", "settled")

    def __init__(self, path: str, parent: Account | None) -> None:
        self.path = path
        self.parent = parent
        self.children: set[str] | None = None
        self.limits: Limits | None = None
        self.settled = [0] * len(CONSUMED)
        self.reserved = [0] * len(CONSUMED)
        self.live = 0

    def upward(self) -> Iterator[Account]:
        """This account and every account above it."""
        account: Account | None = self
        while account is not None:
            yield account
            account = account.parent

    def used(self, index: int, elapsed: float) -> Amount:
        """What counts against a ceiling: settled and reserved, live agents, or seconds since the opening."""
        if index < AGENTS:
            return self.settled[index] + self.reserved[index]
        if index == AGENTS:
            return self.live
        return elapsed - self.limits.opened_at if index == SECONDS and self.limits else 0

    def free(self, index: int, elapsed: float) -> Amount:
        """What this account's own ceiling leaves: infinity without one, negative after an overrun."""
        return self.limits.ceilings[index] - self.used(index, elapsed) if self.limits else math.inf

    def refusal(self, index: int, requested: Amount, free: Amount) -> BudgetExhausted:
        """The error that says which ceiling stands in the way."""
        amounts = (requested, max(0, free), self.limits.ceilings[index] if self.limits else math.inf)
        field = FIELDS[index]
        return BudgetExhausted(self.path, dimension_of(field), *(in_units(field, amount) for amount in amounts))

    def check(self, asks: Amounts, elapsed: float) -> None:
        """Refuse what passes a ceiling of this account. Raises: BudgetExhausted."""
        limits = self.limits
        if limits is None:
            return
        for field, amount in asks.items():
            index = INDEX[field]
            free = limits.ceilings[index] - self.used(index, elapsed)
            if amount > free:
                raise self.refusal(index, amount, free)
        if elapsed - limits.opened_at >= limits.ceilings[SECONDS]:
            raise self.refusal(SECONDS, asks.get("seconds", 0), 0)

    def check_covers(self, budget: Budget, elapsed: float) -> None:
        """Refuse a ceiling below what is used already. Raises: UsageError."""
        for field, ceiling in budget.to_plain().items():
            used = self.used(INDEX[field], elapsed)
            if used > ceiling and field != "seconds":
                raise UsageError(
                    f"account {self.path!r} has used {in_units(field, used):g} {dimension_of(field)} already, "
                    f"so its ceiling cannot be {in_units(field, ceiling):g}"
                )

    def hold(self, worst: Amounts, sign: int) -> None:
        """Reserve (``sign`` 1) or give back (-1), here and above."""
        for account in self.upward():
            for field, amount in worst.items():
                account.reserved[INDEX[field]] += sign * int(amount)

    def pay(self, amounts: Amounts, alerts: list[Alert]) -> None:
        """Count as spent here, but not above: the caller walks, and may add up first."""
        limits, settled = self.limits, self.settled
        for field, amount in amounts.items():
            index = INDEX[field]
            settled[index] += int(amount)
            if limits is not None and settled[index] >= limits.marks[index]:
                alerts.extend(limits.alerts(self.path, index, settled[index]))

    def position(self, elapsed: float) -> Position:
        """Where this account stands."""
        ceiling = self.limits.budget if self.limits else Budget()
        left = {field: max(0, top - self.used(INDEX[field], elapsed)) for field, top in ceiling.to_plain().items()}
        settled = {**_named(self.settled), "seconds": self.used(SECONDS, elapsed)}
        reserved = {**_named(self.reserved), "agents": self.live}
        return Position(
            self.path, Spend.from_plain(settled), Spend.from_plain(reserved), ceiling, Budget.from_plain(left)
        )


def _named(totals: list[int]) -> dict[str, Amount]:
    # Only overruns can pass the largest amount; they show as the largest.
    return {field: min(total, MAX_AMOUNT) for field, total in zip(CONSUMED, totals, strict=True)}


def joint_demand(charges: Iterable[tuple[Account, Amounts]]) -> dict[Account, Amounts]:
    """What several charges together ask of every account they touch, the ancestors included. Raises: UsageError."""
    demand: dict[Account, Amounts] = {}
    for account, amounts in charges:
        for above in account.upward():
            demand[above] = joint(demand[above], amounts) if above in demand else amounts
    return demand


def joint(a: Amounts, b: Amounts) -> dict[str, Amount]:
    """Two charges that are made together. Raises: UsageError beyond the largest amount, 10^18."""
    total = dict(a)
    for field, amount in b.items():
        before = total.get(field, 0)
        # What is charged together passes its seconds together.
        total[field] = max(before, amount) if field == "seconds" else before + amount
        if total[field] > MAX_AMOUNT:
            raise UsageError(f"{dimension_of(field)} of these charges together is more than 10^18: charge less at once")
    return total


class Accounts:
    """All accounts by path. The root is always there."""

    def __init__(self) -> None:
        self._by_path: dict[str, Account] = {ROOT: Account(ROOT, None)}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_path.values())

    def find(self, path: str) -> Account | None:
        """The account at ``path``, if anything was ever counted there."""
        return self._by_path.get(path)

    def nearest(self, path: str) -> Account:
        """The account at ``path``, or the lowest one above it. Raises: InvalidName."""
        account = self._by_path.get(path)
        if account is None:
            parse(path)
        while account is None:
            path = path.rpartition("/")[0]
            account = self._by_path.get(path)
        return account

    def ensure(self, path: str) -> Account:
        """The account at ``path``, made with all its ancestors if need be."""
        account = self._by_path.get(path)
        if account is None:
            parent = self.ensure(path.rpartition("/")[0])
            account = self._by_path[path] = Account(path, parent)
            if parent.children is None:
                parent.children = set()
            parent.children.add(path)
        return account

    def remove(self, path: str) -> None:
        """Take out an account and everything below it."""
        account = self._by_path.pop(path, None)
        if account is None:
            return
        for child in tuple(account.children or ()):
            self.remove(child)
        if account.parent is not None and account.parent.children is not None:
            account.parent.children.discard(path)
