"""The purse: messages that the lead's ledger has set aside for a shard, by account, counted down as they are sent.

The rule of this file: a shard sends what it was granted and not one message more, and what it has spent is in its
journal with the messages. So the ledger's ceiling holds for all shards together, through any crash of any of them.
Journal entries: ``purse.ask``, ``purse.got``, ``purse.spent``, ``purse.paid``. The lead's side is `Grants`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stigmergy.protocols.errors import unpack

from .exchange import Exchange, Record
from .grants import name_of
from .owners import LEAD


@dataclass(slots=True)
class Grant:
    """Messages that were set aside together."""

    op: str
    account: str
    granted: int
    left: int


class Purse:
    """What one shard may still send."""

    def __init__(self, record: Record, exchange: Exchange) -> None:
        self._record = record
        self._exchange = exchange
        self._grants: dict[str, Grant] = {}
        """By operation, the oldest first."""
        self._left: dict[str, int] = {}
        """By account, with what is due taken off."""
        self._asked: dict[str, str] = {}
        """By account: the operation that asks for more."""
        self._asks = 0
        self._refused: dict[str, tuple[str, list[Any]]] = {}
        """By account: the packed error with which the lead said no."""
        self._due: dict[str, int] = {}
        """What was spent since the last commit, by account."""
        self._called_in = False
        self.news = False
        """Whether the lead has said something since this was last set to False."""

    def spend(self, due: Mapping[str, int]) -> bool:
        """Spend messages of some accounts; or of none, and ask for more: then False.

        A grant that is half used up is followed by the next. Raises: BudgetExhausted, as the lead refused.
        """
        short = [account for account, number in due.items() if self._left.get(account, 0) < number]
        for account in short:
            refusal = self._refused.pop(account, None)
            if refusal is not None:
                raise unpack(*refusal)
        for account in short:
            self._ask(account, due[account] - self._left.get(account, 0))
        if short:
            return False
        for account, number in due.items():
            self._left[account] -= number
            self._due[account] = self._due.get(account, 0) + number
            if self._left[account] < self._last(account) // 2:
                self._ask(account, 0)
        return True

    def seal(self) -> None:
        """Write down what was spent; grants that are used up, or called in, are over. Call it before each append."""
        if self._due:
            due, self._due = self._due, {}
            self._do("purse.spent", {"of": [[account, number] for account, number in due.items()]})
        for grant in list(self._grants.values()):
            if self._called_in or not grant.left:
                self._pay(grant)
        self._called_in = False

    def settle(self) -> None:
        """Give back what is left and have what was spent counted, with this commit: who waits is served first.

        Two shards that want the last message would else take it from each other for ever.
        """
        self._called_in = True

    def got(self, op: str, number: int, refusal: list[Any] | None) -> None:
        """The lead has answered: so many messages, or none and why."""
        account = next((account for account, asked in self._asked.items() if asked == op), "")
        self._do("purse.got", {"op": op, "n": number})
        if refusal is not None:
            self._refused[account] = (refusal[0], refusal[1])
        self.news = True

    def forget_refusals(self) -> None:
        """Everybody who waited has heard of them: the next one asks again."""
        self._refused.clear()

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as an entry says."""
        if kind == "purse.ask":
            self._asked[data["account"]] = data["op"]
            self._asks += 1
        elif kind == "purse.got":
            account = next(account for account, asked in self._asked.items() if asked == data["op"])
            del self._asked[account]
            if data["n"]:
                self._grants[data["op"]] = Grant(data["op"], account, data["n"], data["n"])
                self._count(account)
        elif kind == "purse.spent":
            for account, number in data["of"]:
                self._take(account, number)
        elif kind == "purse.paid":
            self._count(self._grants.pop(data["op"]).account)

    def _do(self, kind: str, data: dict[str, Any]) -> None:
        self._record(kind, data)
        self.apply(kind, data)

    def _ask(self, account: str, number: int) -> None:
        if account not in self._asked:
            op = name_of(self._exchange.me, self._asks + 1)
            self._do("purse.ask", {"op": op, "account": account, "n": number})
            self._exchange.put(LEAD, "allow", [op, account, number])

    def _pay(self, grant: Grant) -> None:
        self._do("purse.paid", {"op": grant.op})
        self._exchange.put(LEAD, "paid", [grant.op, grant.granted - grant.left])

    def _take(self, account: str, number: int) -> None:
        for grant in self._grants.values():
            if grant.account == account and number:
                part = min(number, grant.left)
                grant.left -= part
                number -= part
        self._count(account)

    def _count(self, account: str) -> None:
        left = sum(grant.left for grant in self._grants.values() if grant.account == account)
        self._left[account] = left - self._due.get(account, 0)

    def _last(self, account: str) -> int:
        """How large the newest grant of an account is."""
        return next((grant.granted for grant in reversed(self._grants.values()) if grant.account == account), 0)
