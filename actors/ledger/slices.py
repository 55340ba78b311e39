"""Slices: what an account may hand to a child.

The rule of this file: a child gets a part of what is left, never the whole, and what was promised
to its siblings is not handed out again. A slice is a ceiling, not a purse: the ceilings above the
child bind it as before, so the parent may itself spend first what the child had hoped for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from stigmergy.protocols.budget import CONSUMED, FIELDS, Amount, Budget
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.money import shown

from .accounts import Account, Accounts
from .limits import Limits

_DIVISIBLE = range(len(CONSUMED))
"""Wall clock cannot be divided: every child has that of the accounts above it."""


def remainder(account: Account, elapsed: float) -> Budget:
    """What an account may still ask for: the least that a ceiling leaves, from the account to the root."""
    left = {
        field: max(0, min(above.free(index, elapsed) for above in account.upward()))
        for index, field in enumerate(FIELDS)
    }
    return Budget.from_plain({field: free for field, free in left.items() if free < math.inf})


def checked_share(share: float) -> float:
    """A share that leaves something to both. Raises: UsageError."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        raise UsageError(f"share is {shown(share)}: a slice is more than 0 and less than 1 of the parent's remainder")
    return share


def cut(accounts: Accounts, account: Account, share: float, wish: Budget, elapsed: float) -> Budget:
    """The amounts of a new slice: those that ``wish`` names, elsewhere ``share`` of the remainder.

    Raises: BudgetExhausted when a wish is the whole remainder or more.
    """
    amounts = wish.to_plain()
    for index in _DIVISIBLE:
        free, tightest = _unpromised(accounts, account, index, elapsed)
        wished = amounts.get(FIELDS[index])
        if wished is None and free < math.inf:
            # Exact, so that even 0.999... of 10^18 is not rounded up to the whole.
            amounts[FIELDS[index]] = math.floor(free * Fraction(share))
        elif wished is not None and wished >= free:
            raise tightest.refusal(index, wished, free)
    return Budget.from_plain(amounts)


def promise(accounts: Accounts, child: str, parent: str, elapsed: float) -> None:
    """Note a slice with every account it comes out of."""
    for above in _promisers(accounts.ensure(parent)):
        if above.limits is None:
            above.limits = Limits(Budget(), elapsed)
        above.limits.slices.add(child)


def _promisers(account: Account) -> Iterator[Account]:
    """The accounts up to the next slice: what is cut out of a slice was promised there already."""
    for above in account.upward():
        yield above
        if above.limits is not None and above.limits.is_slice:
            return


def _unpromised(accounts: Accounts, account: Account, index: int, elapsed: float) -> tuple[Amount, Account]:
    """The least that a ceiling leaves beyond all promises, and the account whose ceiling it is."""
    promises = {above: _promised(accounts, above, index, elapsed) for above in _promisers(account)}
    frees = [(above.free(index, elapsed) - promises.get(above, 0), above) for above in account.upward()]
    free, tightest = min(frees, key=lambda found: found[0])
    return max(0, free), tightest


def _promised(accounts: Accounts, account: Account, index: int, elapsed: float) -> Amount:
    """What the slices of an account may still use up in one dimension."""
    slices = account.limits.slices if account.limits else ()
    left = (child.free(index, elapsed) for path in slices if (child := accounts.find(path)))
    return sum(max(0, free) for free in left if free < math.inf)
