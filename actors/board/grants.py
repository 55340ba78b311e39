"""Grants: messages that the ledger sets aside for other shards, from the lead's side.

The rule of this file: nothing is refused while another shard still has something set aside that it has not used; it is
called in first. So the swarm stops exactly at its ceiling, and never past it. A grant is a reservation of the ledger:
it counts against every ceiling until its shard has told what it has used of it.
Journal entries: ``grant.asked``, ``grant.made``, ``grant.refused``, ``grant.over``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final, NamedTuple

from stigmergy.protocols.budget import Spend
from stigmergy.protocols.errors import BudgetExhausted, UsageError, pack

from ..ledger.ledger import MAX_LEASE_S
from .exchange import Exchange, Record
from .treasury import Treasury

SHARE: Final = 100
"""A shard gets one hundredth of what remains, so grants shrink towards the ceiling."""

MOST: Final = 100_000
"""Messages that are set aside at once when no ceiling is near."""

_PREFIX: Final = "shard "


class Wanted(NamedTuple):
    """What a shard asks for."""

    shard: int
    account: str
    number: int


class Grants:
    """The grants of all shards."""

    def __init__(self, record: Record, treasury: Treasury, exchange: Exchange) -> None:
        self._record = record
        self._treasury = treasury
        self._exchange = exchange
        self._wanted: dict[str, Wanted] = {}
        """By operation, in order of arrival."""
        self._made: dict[str, str] = {}
        """Accounts of the grants that are not over, by operation."""
        self.news = False
        """Whether something was given back since this was last set to False."""

    def ask(self, shard: int, op: str, account: str, number: int) -> None:
        """A shard wants to send messages: so many at least, or just some more if there are."""
        self._do("grant.asked", {"op": op, "shard": shard, "account": account, "n": number})

    def paid(self, op: str, used: int, now: float) -> None:
        """A shard has used so much of a grant, and gives back the rest."""
        if op in self._made:
            with suppress(UsageError):  # it ended so long ago that the ledger has forgotten it at its worst case
                self._treasury.ledger.settle(op, Spend(messages=used), now)
            self._do("grant.over", {"op": op})
            self.news = True

    def serve(self, now: float) -> None:
        """Answer who waits, in order, as far as that can be said now. Call it before each append."""
        for op, wanted in list(self._wanted.items()):
            ledger = self._treasury.ledger
            room = ledger.room(wanted.account, "messages", now)
            number = max(wanted.number, int(min(MOST, room / SHARE)))
            if not number:  # nobody needs it yet
                self._answer(op, wanted.shard, 0, None)
                continue
            try:
                ledger.reserve(op, wanted.account, Spend(messages=number), now, MAX_LEASE_S)
            except BudgetExhausted as refusal:
                if self.calls_in(refusal):
                    return
                self._treasury.note(refusal)
                self._answer(op, wanted.shard, 0, list(pack(refusal)))
            else:
                self._answer(op, wanted.shard, number, None)

    def _answer(self, op: str, shard: int, number: int, refusal: list[Any] | None) -> None:
        self._do("grant.made" if number else "grant.refused", {"op": op})
        self._exchange.put(shard, "allowed", [op, number, refusal])

    def calls_in(self, refusal: BudgetExhausted) -> bool:
        """Whether something is set aside that may be given back; if so, it is asked for."""
        below = f"{refusal.account}/"
        if not any(account == refusal.account or account.startswith(below) for account in self._made.values()):
            return False
        if not self._exchange.awaits("recall"):
            self._exchange.tell_all("recall", None)
        return True

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as an entry says."""
        op = data["op"]
        if kind == "grant.asked":
            self._wanted[op] = Wanted(data["shard"], data["account"], data["n"])
        elif kind == "grant.made":
            self._made[op] = self._wanted.pop(op).account
        elif kind == "grant.refused":
            del self._wanted[op]
        elif kind == "grant.over":
            del self._made[op]

    def _do(self, kind: str, data: dict[str, Any]) -> None:
        self._record(kind, data)
        self.apply(kind, data)


def name_of(shard: int, number: int) -> str:
    """The operation by which a shard asks for messages."""
    return f"{_PREFIX}{shard}:{number}"


def is_grant(op: str) -> bool:
    """Whether a reservation is a shard's, and no call's."""
    return op.startswith(_PREFIX)
