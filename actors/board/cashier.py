"""The cashier: messages are paid for before they are accepted, by the accounts of those who send them."""

from __future__ import annotations

from collections.abc import Iterable

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import BudgetExhausted, SwarmStopped

from ..ledger.paths import ROOT
from .machines import Machines


class Cashier:
    """Charges messages."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines

    def pay(self, envelopes: Iterable[Envelope]) -> None:
        """Charge all messages to their senders' accounts, or none.

        Raises: BudgetExhausted; SwarmStopped when the account was the swarm's own.
        """
        m, due = self._m, counted(envelopes)
        if not due:
            return
        try:
            m.treasury.charge(due, m.now)
        except BudgetExhausted:
            if m.treasury.exhausted is not None:
                raise SwarmStopped(str(m.treasury.exhausted), "budget") from None
            raise


def account_of(envelope: Envelope) -> str:
    """Who pays for a message: the account it names, else its sender's kind."""
    return envelope.account or f"{ROOT}/kind:{envelope.sender.partition('/')[0]}"


def counted(envelopes: Iterable[Envelope]) -> dict[str, int]:
    """How many messages each account pays for."""
    counts: dict[str, int] = {}
    for envelope in envelopes:
        account = account_of(envelope)
        counts[account] = counts.get(account, 0) + 1
    return counts
