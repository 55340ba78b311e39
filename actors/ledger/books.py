"""Books: the ledger's state, as the journal's entries make it.

The rule of this file: `Books.apply` is the only place where the ledger changes, it never refuses
an entry that was written, and the same entries make the same books. Whether an entry may be
written is decided in ledger.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from stigmergy.protocols.budget import CONSUMED, NOTHING, Amount, Budget, Spend
from stigmergy.protocols.errors import JournalError

from .accounts import Account, Accounts, Amounts, joint_demand
from .clock import LeaseClock
from .limits import AGENTS, SECONDS, Limits
from .records import Alert, Forfeits, Outcome, Reservation, Settlement


def consumed(amounts: Amounts) -> dict[str, Amount]:
    """The part of an amount that is used up, and so reserved and settled."""
    return {field: amount for field, amount in amounts.items() if field in CONSUMED}


def _excess(counted: Spend, granted: Spend) -> Spend:
    beyond = {field: getattr(counted, field) - getattr(granted, field) for field in CONSUMED}
    excess = {field: amount for field, amount in beyond.items() if amount > 0}
    return Spend.from_plain(excess) if excess else NOTHING


class Op(NamedTuple):
    """A reservation, the account it is held on, and the end of its lease on the ledger's clock."""

    reservation: Reservation
    account: Account
    until: float


class Alive(NamedTuple):
    """An agent that is alive."""

    account: Account
    depth: int
    """How many agents brought each other into being up to this one; 1 when somebody outside did."""


class Books:
    """Accounts, reservations, live agents and the clock. Remembers the last ``remember`` ended reservations."""

    def __init__(self, remember: int) -> None:
        self.accounts = Accounts()
        self.clock = LeaseClock()
        self.held: dict[str, Op] = {}
        self.over: dict[str, tuple[Op, Settlement]] = {}
        """Ended reservations, the longest ago first. A late actual still corrects what was counted."""
        self.alive: dict[str, Alive] = {}
        """Agents that are alive, as far as anybody has counted them."""
        self.depths: dict[str, int] = {}
        """How deep each agent was when it was first counted, also of those that are alive no more."""
        self.counted: dict[str, Account] = {}
        """The accounts with a ceiling in agents or in depth: while there are any, agents are counted."""
        self.timed: dict[str, Account] = {}
        """The accounts with a ceiling in seconds: time passes there without any entry."""
        self.alerts: list[Alert] = []
        self.remember = remember
        self.forfeited = Forfeits()

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the books as one entry says. Raises: JournalError for an entry of another kind."""
        if kind == "ledger.reopen":
            self.clock.restart(data["now"])
        elif "now" in data:
            self._look(data["now"])
        match kind:
            case "ledger.charge":
                self._charged(data["paid"])
            case "ledger.reserve":
                self._reserved(**data)
            case "ledger.settle":
                self._end(data["op"], "settled", Spend.from_plain(data["actual"]))
            case "ledger.release":
                self._end(data["op"], "released", NOTHING)
            case "ledger.expire" | "ledger.reopen":
                self._forfeit(data["ops"])
            case "ledger.enter":
                self._entered(data["agent"], data["account"], data["depth"])
            case "ledger.leave":
                self._left(data["agents"])
            case "ledger.open":
                self._opened(data["account"], Budget.from_plain(data["budget"]))
            case "ledger.close":
                self._closed(data["account"])
            case _:
                raise JournalError(f"entry kind {kind!r} is not one of the ledger; was it written by a newer version?")

    def is_time_up(self, elapsed: float) -> bool:
        """Whether an alert about wall clock is due."""
        return any(self._is_due(account, elapsed) for account in self.timed.values())

    def _look(self, now: float) -> None:
        self.clock.look(now)
        for account in self.timed.values():
            if self._is_due(account, self.clock.elapsed):
                self._tell(account, (SECONDS,))

    def _is_due(self, account: Account, elapsed: float) -> bool:
        return account.limits is not None and account.used(SECONDS, elapsed) >= account.limits.marks[SECONDS]

    def _tell(self, account: Account, indices: Iterable[int]) -> None:
        if account.limits is None:
            return
        for index in indices:
            used = account.used(index, self.clock.elapsed) if index >= len(CONSUMED) else account.settled[index]
            self.alerts.extend(account.limits.alerts(account.path, index, used))

    def _charged(self, paid: list[tuple[str, Amounts]]) -> None:
        demand = joint_demand((self.accounts.ensure(path), amounts) for path, amounts in paid)
        for account, amounts in demand.items():
            account.pay(amounts, self.alerts)

    def _reserved(self, op: str, account: str, worst: dict[str, Any], lease_s: float, **_: Any) -> None:
        at = self.accounts.ensure(account)
        reservation = Reservation(op, account, Spend.from_plain(worst), lease_s)
        self.held[op] = Op(reservation, at, self.clock.elapsed + lease_s)
        at.hold(consumed(worst), 1)

    def _end(self, name: str, outcome: Outcome, counted: Spend) -> None:
        """Count what a reservation came to, instead of what was held, or counted, for it until now."""
        late = name not in self.held
        op, earlier = self.over.pop(name) if late else (self.held.pop(name), None)
        worst = op.reservation.worst
        if not late:
            op.account.hold(consumed(worst.to_plain()), -1)
        before = earlier.counted if earlier else NOTHING
        change = {field: getattr(counted, field) - getattr(before, field) for field in CONSUMED}
        for above in op.account.upward():
            above.pay(change, self.alerts)
        # A release gave everything back: a request that was sent all the same had nothing reserved.
        overrun = _excess(counted, NOTHING if earlier and earlier.outcome == "released" else worst)
        ended = Settlement(name, op.reservation.account, outcome, counted, overrun, worst, late)
        self.over[name] = op, ended
        more = (outcome == "forfeited") - bool(earlier and earlier.outcome == "forfeited")
        more *= not worst.messages  # those are set aside for a shard, which is no call and always tells
        known = self.forfeited
        self.forfeited = Forfeits(known.calls + more, known.tools + more * bool(worst.tool_calls))
        if len(self.over) > self.remember:
            del self.over[next(iter(self.over))]

    def _forfeit(self, ops: Iterable[str]) -> None:
        for op in ops:
            self._end(op, "forfeited", self.held[op].reservation.worst)

    def _closed(self, path: str) -> None:
        self.accounts.remove(path)
        for some in (self.timed, self.counted):
            for gone in [one for one in some if not self.accounts.find(one)]:
                del some[gone]

    def _entered(self, agent: str, path: str, depth: int) -> None:
        account = self.accounts.ensure(path)
        self.alive[agent] = Alive(account, depth)
        self.depths.setdefault(agent, depth)
        self._count(account, 1)

    def _left(self, agents: Iterable[str]) -> None:
        for agent in agents:
            self._count(self.alive.pop(agent).account, -1)

    def _count(self, account: Account, more: int) -> None:
        for above in account.upward():
            above.live += more
            self._tell(above, (AGENTS,))

    def _opened(self, path: str, budget: Budget) -> None:
        account = self.accounts.ensure(path)
        before = account.limits
        timed = before is not None and before.budget.seconds is not None
        opened_at = before.opened_at if before is not None and timed else self.clock.elapsed
        account.limits = Limits(budget, opened_at)
        for some, has_ceiling in (
            (self.timed, budget.seconds is not None),
            (self.counted, budget.agents is not None or budget.depth is not None),
        ):
            some.pop(path, None)
            if has_ceiling:
                some[path] = account
        self._tell(account, range(len(account.limits.marks)))
