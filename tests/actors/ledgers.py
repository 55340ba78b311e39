"""What tests compare ledgers by."""

from __future__ import annotations

from typing import Any

from stigmergy.actors.ledger import Ledger


def state_of(ledger: Ledger) -> Any:
    """All that can be asked of a ledger: equal for two of which each stands where the other does."""
    return [ledger.position(account) for account in ledger.accounts()], ledger.reservations(), ledger.forfeited
