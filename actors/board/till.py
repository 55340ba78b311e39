"""The till: messages are charged one turn at a time, and paid for once a commit.

The rule of this file: what is taken in fits, together with all that was taken in before it, under
every ceiling above it. What does not surely fit is paid at once and by itself, so that exactly the
turn is refused that would have been refused without a till.
"""

from __future__ import annotations

from collections.abc import Mapping

from stigmergy.protocols.budget import Amount, Spend

from ..ledger.ledger import Ledger


class Till:
    """Charges that the ledger has room for and has not written yet."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._due: dict[str, int] = {}
        """Messages by account."""
        self._total = 0
        self._room: dict[str, Amount] = {}
        """By account: how many messages fit below its tightest ceiling, as of the ledger's last entry."""
        self._at = 0.0

    def charge(self, messages: Mapping[str, int], now: float) -> None:
        """Charge every account its number of messages, or none. Raises: BudgetExhausted."""
        if now != self._at:
            self.empty()  # what an account may have also depends on its time
            self._at = now
        total = self._total + sum(messages.values())
        for account in messages:
            room = self._room.get(account)
            if room is None:
                room = self._room[account] = self._ledger.room(account, "messages", now)
            # All that is due counts against every account: they may share a ceiling.
            if total > room:
                self.empty()
                self._ledger.charge_many([(a, Spend(messages=n)) for a, n in messages.items()], now)
                return
        for account, number in messages.items():
            self._due[account] = self._due.get(account, 0) + number
        self._total = total

    def empty(self) -> None:
        """Pay for everything in one entry. Whoever wants to use the ledger does this first."""
        if self._total:
            due, self._due, self._total = self._due, {}, 0
            self._ledger.charge_many([(account, Spend(messages=n)) for account, n in due.items()], self._at)
        self._room.clear()
