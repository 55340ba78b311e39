"""The cashier: messages are paid for before they are accepted, by the accounts of those who send them.

The lead charges its ledger. Another shard spends what that ledger has set aside for it, and has whoever sends wait
when it must ask for more; so has the lead, when others must first give back what they do not use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import BudgetExhausted, SwarmStopped
from stigmergy.protocols.series import Series

from ..ledger.paths import ROOT, kind_account
from .machines import Machines


class Unpaid(Exception):
    """Nobody knows yet whether something can be paid for."""


class Cashier:
    """Charges messages."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines

    def pay(self, sends: Iterable[Envelope | Series]) -> None:
        """Charge all messages to their senders' accounts, or none.

        Raises: BudgetExhausted; SwarmStopped when the account was the swarm's own; Unpaid to be asked again.
        """
        due = counted(sends)
        if not due:
            return
        try:
            if not self._charge(due):
                raise Unpaid
        except BudgetExhausted as refusal:
            if self._m.treasury.exhausted is not None or refusal.account == ROOT:
                raise SwarmStopped(str(self._m.treasury.exhausted or refusal), "budget") from None
            raise

    @property
    def news(self) -> bool:
        """Whether who waits may have an answer, since this was last asked."""
        m = self._m
        news = m.purse.news or m.grants.news or m.stopped is not None
        m.purse.news = m.grants.news = False
        return news

    def _charge(self, due: Mapping[str, int]) -> bool:
        m = self._m
        if not m.place.is_lead:
            return m.purse.spend(due)
        try:
            m.treasury.charge(due, m.now)
        except BudgetExhausted as refusal:
            if m.grants.calls_in(refusal):
                return False
            m.treasury.note(refusal)
            raise
        return True


def account_of(sent: Envelope | Series) -> str:
    """Who pays for a message: the account it names, else its sender's kind."""
    named = "" if isinstance(sent, Series) else sent.account
    return named or kind_account(sent.sender)


def counted(sends: Iterable[Envelope | Series]) -> dict[str, int]:
    """How many messages each account pays for."""
    counts: dict[str, int] = {}
    for sent in sends:
        account = account_of(sent)
        counts[account] = counts.get(account, 0) + (len(sent.posts) if isinstance(sent, Series) else 1)
    return counts
