"""The board's side of the ledger: requests of hosts, reservations that wait for room, alerts.

A reservation that is refused now but fits once the calls in flight have settled is parked instead of
refused: sixteen workers under a small ceiling take turns. What no settlement can make room for is
refused at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from stigmergy.protocols.budget import Budget, Spend
from stigmergy.protocols.errors import BudgetExhausted, UsageError

from ..ledger.ledger import Ledger
from ..ledger.paths import ROOT
from ..ledger.records import Alert
from .till import Till

TALKS: Final = 10_000
"""Conversations whose accounts are kept without an answer that ends them, about 0.5 KB each: told and posted ones."""


class Parked(NamedTuple):
    """A reservation that waits for others to settle."""

    peer: str
    ticket: int
    op: str
    account: str
    worst: Spend
    lease_s: float


class Granted(NamedTuple):
    """A parked reservation that has an answer now."""

    peer: str
    ticket: int
    error: BudgetExhausted | None


class Treasury:
    """Turns ledger requests into ledger commands."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._till = Till(ledger)
        self._parked: deque[Parked] = deque()
        self._talks: dict[str, dict[str, None]] = {}
        """Accounts of conversations that have no answer yet, since this board opened; the longest unused first."""
        self._asleep = True
        """Until this board has a host: no time passes for any account, and there is none to let a lease end."""
        self.exhausted: BudgetExhausted | None = None
        """Set when the swarm's own ceiling refused something for good: the hard stop."""

    def request(self, peer: str, ticket: int, payload: list[Any], now: float) -> Any:
        """Carry out ``[verb, ...]`` of a host; `PARKED` when the answer comes later.

        Raises: BudgetExhausted, UsageError.
        """
        verb, *rest = payload
        if verb == "reserve":
            op, account, worst, lease_s = rest
            return self._reserve(Parked(peer, ticket, op, account, Spend.from_plain(worst), lease_s), now)
        if verb == "settle":
            return list(self.ledger.settle(rest[0], Spend.from_plain(rest[1]), now)[:3])
        if verb == "release":
            return list(self.ledger.release(rest[0])[:3])
        if verb == "withdraw":
            return self._withdraw(rest[0])
        if verb == "open":
            if self._asleep:
                self.ledger.restart(now)
            self.ledger.open(rest[0], Budget.from_plain(rest[1]), now)
            return None
        if verb == "position":
            return position(self.ledger, rest[0])
        if verb == "accounts":
            return [position(self.ledger, account) for account in self.ledger.accounts()]
        raise UsageError(f"the ledger has no operation {verb!r:.60}")

    @property
    def ledger(self) -> Ledger:
        """The ledger, with everything paid for that was charged so far."""
        self._till.empty()
        return self._ledger

    def wake(self, now: float) -> None:
        """There is a host: time counts from now on. Repeating it changes nothing."""
        if self._asleep:
            self._asleep = False
            self.ledger.restart(now)

    def expire(self, now: float) -> None:
        """See `Ledger.expire`."""
        if not self._asleep:
            self.ledger.expire(now)

    def charge(self, messages: Mapping[str, int], now: float) -> None:
        """Charge accounts for messages: all, or none. Raises: BudgetExhausted, of which `note` is to hear."""
        self._till.charge(messages, now)

    def finished(self, conversation: str) -> None:
        """A conversation is over, or unused for long: its own accounts go. What they paid stays in those above."""
        for account in self._talks.pop(conversation, ()):
            at = self.ledger.position(account)
            if not (at.reserved.to_plain() or at.ceiling.to_plain()):
                self.ledger.close(account)

    def unpark(self, now: float) -> list[Granted]:
        """Try the parked reservations again, first come first served."""
        answers: list[Granted] = []
        self._till.empty()
        for _ in range(len(self._parked)):
            parked = self._parked.popleft()
            try:
                if self._reserve(parked, now) is not PARKED:
                    answers.append(Granted(parked.peer, parked.ticket, None))
            except BudgetExhausted as refusal:
                answers.append(Granted(parked.peer, parked.ticket, refusal))
        return answers

    def forget(self, peer: str) -> None:
        """A host is gone: what it waited to reserve is not wanted any more."""
        self._parked = deque(parked for parked in self._parked if parked.peer != peer)

    def give_up(self) -> list[Parked]:
        """Nothing is granted any more: the reservations that waited."""
        parked, self._parked = list(self._parked), deque()
        return parked

    def alerts(self) -> list[Alert]:
        """The alerts since the last call."""
        return self.ledger.drain_alerts()

    def _reserve(self, wanted: Parked, now: float) -> Any:
        try:
            self.ledger.reserve(wanted.op, wanted.account, wanted.worst, now, wanted.lease_s)
        except BudgetExhausted as refusal:
            if self._could_fit_later(refusal, wanted.worst):
                self._parked.append(wanted)
                return PARKED
            self.note(refusal)
            raise
        _, found, conversation = wanted.account.rpartition("/conversation:")
        if found:
            accounts = self._talks[conversation] = self._talks.pop(conversation, {})
            accounts[wanted.account] = None
            if len(self._talks) > TALKS:
                self.finished(next(iter(self._talks)))
        return None

    def _withdraw(self, op: str) -> None:
        """Nobody waits for a reservation any more, granted or not; a repeat changes nothing."""
        self._parked = deque(parked for parked in self._parked if parked.op != op)
        with suppress(UsageError):  # it was never granted
            self.ledger.release(op)

    def _could_fit_later(self, refusal: BudgetExhausted, wanted: Spend) -> bool:
        """Whether it fits once everything that is reserved has settled at nothing. In whole numbers: money is exact."""
        field = "nano_usd" if refusal.dimension == "usd" else refusal.dimension
        at = self.ledger.position(refusal.account)
        ceiling = getattr(at.ceiling, field)
        return ceiling is not None and getattr(at.settled, field) + getattr(wanted, field) <= ceiling

    def note(self, refusal: BudgetExhausted) -> None:
        """Something was refused for good: by the swarm's own account, that is the hard stop."""
        if refusal.account == ROOT:
            self.exhausted = refusal


PARKED = object()
"""Answer of `Treasury.request`: not yet."""


def position(ledger: Ledger, account: str) -> dict[str, Any]:
    """Where an account stands, as plain data."""
    at = ledger.position(account)
    return {
        "account": account,
        "settled": at.settled.to_plain(),
        "reserved": at.reserved.to_plain(),
        "ceiling": at.ceiling.to_plain(),
    }
