"""The crowd: how many agents a host has, and how deep they are, where a budget has a ceiling in that.

Agents of such a host live until it closes, so a place that was taken stays taken.
"""

from __future__ import annotations

from collections.abc import Mapping

from stigmergy.protocols.budget import Budget
from stigmergy.protocols.errors import BudgetExhausted

from ..ledger.ledger import Ledger
from ..ledger.paths import kind_account


class Crowd:
    """Counts the agents of the only host of a swarm."""

    def __init__(self, budgets: Mapping[str, Budget]) -> None:
        """``budgets`` are those of accounts; what they say of other dimensions holds elsewhere."""
        self._ledger = Ledger(lambda _kind, _data: None)
        for account, budget in budgets.items():
            self._ledger.open(account, Budget(agents=budget.agents, depth=budget.depth), 0.0)

    def __bool__(self) -> bool:
        """Whether anything is to be counted."""
        return bool(self._ledger.counted)

    def enter(self, agent: str, sender: str) -> BudgetExhausted | None:
        """Count an agent that a message of this sender brings into being. What is returned says why that may not be."""
        account, depth = kind_account(agent), self._ledger.below(sender)
        try:
            self._ledger.check_enter(account, depth)
        except BudgetExhausted as full:
            return full
        self._ledger.enter(agent, account, depth)
        return None
