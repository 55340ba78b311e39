"""The ledger: reserves what a call may cost before it is made, and settles what it did cost after.

The rule of this file: settled + reserved <= ceiling, for every account, at every entry, as long as
no call costs more than its worst case. A command first checks every account from the one that pays
up to the root, raising a typed error and changing nothing; then it writes one entry and applies it.

An orphaned reservation is forfeited: when its lease ends it counts as spent at its worst case,
because the provider bills whether or not the client lived to read the answer. Refunding it would
let the next call spend the same money again (tests/actors/test_ledger_simulation.py shows both).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, Final

from stigmergy.protocols.budget import CONSUMED, Amount, Budget, Spend
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.money import shown

from .accounts import Account, Amounts, joint, joint_demand
from .books import Alive, Books, consumed
from .limits import AGENTS, INDEX, SECONDS
from .paths import ROOT, parse
from .records import Alert, Forfeits, Position, Reservation, Settlement

LEASE_S: Final = 60.0
"""How long a reservation lasts by default: 60 s. Give at least the timeout of the call."""

REMEMBERED: Final = 100_000
"""Ended reservations that are kept, about 0.8 KB each, to answer repeats and to take late actuals."""

MAX_LEASE_S: Final = 86_400.0
MAX_NAME: Final = 256

_PAID: Final = (*CONSUMED, "seconds")


class Ledger:
    """The budget watchdog's books. ``now`` is always a reading of one clock, in seconds; it may jump."""

    def __init__(self, record: Callable[[str, dict[str, Any]], None], remember: int = REMEMBERED) -> None:
        self._record = record
        self._books = Books(max(1, remember))

    def open(self, account: str, budget: Budget, now: float) -> None:
        """Give an account ceilings, or others than before; repeating it changes nothing.

        Wall clock counts from the first opening with a ceiling in seconds.
        Raises: UsageError for a ceiling below what is already used.
        """
        at = self._books.clock.at(now)
        known = self._books.accounts.nearest(account)
        if known.path == account:
            if known.limits is not None and known.limits.budget == budget:
                return
            known.check_covers(budget, at)
        self._do("open", account=account, budget=budget.to_plain(), now=now)

    def close(self, account: str) -> Position:
        """Forget an account and all below it; its totals stay in the accounts above. Gives its last position.

        What is reserved below it stays reserved above until it ends. Raises: UsageError for the root.
        """
        if account == ROOT:
            raise UsageError(f"account {ROOT!r} cannot be closed: it is the run itself")
        last = self.position(account)
        if self._books.accounts.find(account) is not None:
            self._do("close", account=account)
        return last

    def reserve(self, op: str, account: str, worst: Spend, now: float, lease_s: float = LEASE_S) -> Reservation:
        """Set aside the worst case of one request, on the account and all above it.

        ``op`` names one request, and lives once: while it is open, repeating the call gives the same
        reservation; another try that may be billed again needs another op. Raises: BudgetExhausted, UsageError.
        """
        books, at = self._books, self._books.clock.at(now)
        wanted = Reservation(_checked_name(op, "op"), account, _checked_spend(worst), _checked_lease(lease_s))
        if op in books.held:
            return _same(books.held[op].reservation, wanted)
        if op in books.over:
            raise UsageError(f"reservation {op!r:.80} has ended: another request needs another op")
        # All dimensions, not just the ones asked for: an account above a ceiling pays for no call at all.
        asks = {field: getattr(worst, field) for field in _PAID}
        self._check([(books.accounts.nearest(account), asks)], at)
        self._do("reserve", op=op, account=account, worst=worst.to_plain(), lease_s=wanted.lease_s, now=now)
        return wanted

    def settle(self, op: str, actual: Spend, now: float) -> Settlement:
        """Count what a request did cost, and give back the rest of its reservation.

        More than the worst case is counted, too, and shows as overrun. After a forfeit the difference comes
        back. The first actual of an op stands. Raises: UsageError for an op that was never reserved.
        """
        ended = self._ended(op)
        self._books.clock.at(now)
        if ended is not None and ended.outcome == "settled":
            return ended
        return self._end("settle", op, actual=_checked_spend(actual).to_plain(), now=now)

    def release(self, op: str) -> Settlement:
        """Give a reservation back: only when it is known that the request was not sent.

        An op that was settled stays settled. Raises: UsageError for an op that was never reserved.
        """
        ended = self._ended(op)
        if ended is not None and ended.outcome != "forfeited":
            return ended
        return self._end("release", op)

    def expire(self, now: float) -> tuple[Reservation, ...]:
        """Forfeit the reservations whose lease has ended; call it every second or so.

        Time is only believed in steps of 60 s and less: a longer silence extends all leases by itself.
        """
        books, at = self._books, self._books.clock.at(now)
        due = [op.reservation for op in books.held.values() if op.until <= at]
        if due or books.clock.is_stale(now) or books.is_time_up(at):
            self._do("expire", ops=[reservation.op for reservation in due], now=now)
        return tuple(due)

    def reopen(self, now: float) -> tuple[Reservation, ...]:
        """Go on after a replay: the time in between costs nothing, and what was reserved is forfeited at once.

        Whoever had reserved it is gone: nobody may ever tell whether the call was billed. If somebody does, the
        late actual corrects it. Returns these reservations.
        """
        lost = self.reservations()
        self._do("reopen", ops=[reservation.op for reservation in lost], now=now)
        return lost

    def restart(self, now: float) -> None:
        """Go on from now: the time since the last look at the clock counts for no ceiling in seconds."""
        if self._books.timed:
            self._do("reopen", ops=[], now=now)

    def charge(self, account: str, spend: Spend, now: float) -> None:
        """Reserve and settle in one step what costs nothing but itself, such as a message. Raises: BudgetExhausted."""
        self.charge_many(((account, spend),), now)

    def charge_many(self, charges: Iterable[tuple[str, Spend]], now: float) -> None:
        """Charge all of them in one entry, or none. Raises: BudgetExhausted, UsageError."""
        at, nearest = self._books.clock.at(now), self._books.accounts.nearest
        asked: dict[str, Amounts] = {}
        for account, spend in charges:
            amounts = _checked_spend(spend).to_plain()
            asked[account] = joint(asked[account], amounts) if account in asked else amounts
        self._check([(nearest(account), amounts) for account, amounts in asked.items()], at)
        paid = [[account, payable] for account, amounts in asked.items() if (payable := consumed(amounts))]
        if paid:
            self._do("charge", paid=paid, now=now)

    def below(self, sender: str) -> int:
        """The depth of an agent that a message of this sender brings into being."""
        known = self.alive.get(sender)
        return 1 if known is None else known.depth + 1

    def depth_of(self, agent: str, depth: int) -> int:
        """How deep an agent was when it was first counted; so deep if it never was."""
        return self._books.depths.get(agent, depth)

    def check_enter(self, account: str, depth: int) -> None:
        """Refuse an agent of an account that would be one too many, or too deep. Raises: BudgetExhausted."""
        for above in self._books.accounts.nearest(account).upward():
            above.check({"agents": 1, "depth": depth}, self._books.clock.elapsed)

    def places(self, account: str) -> Amount:
        """How many more agents of an account may be alive: infinity without a ceiling, negative above a lower one."""
        return min(one.free(AGENTS, 0.0) for one in self._books.accounts.nearest(account).upward())

    def enter(self, agent: str, account: str, depth: int) -> None:
        """Count an agent that is alive from now on, so deep; `check_enter` is for whoever wants to know if it may."""
        self._do("enter", agent=agent, account=account, depth=depth)

    def leave(self, agents: list[str]) -> None:
        """These agents, which were counted, are alive no more."""
        if agents:
            self._do("leave", agents=agents)

    @property
    def alive(self) -> Mapping[str, Alive]:
        """The agents that were counted and are alive."""
        return self._books.alive

    @property
    def counted(self) -> Mapping[str, Account]:
        """The accounts with a ceiling in agents or in depth: empty when nobody need count."""
        return self._books.counted

    def position(self, account: str) -> Position:
        """Where an account stands, as of the last entry. Raises: InvalidName."""
        parse(account)
        known = self._books.accounts.find(account) or Account(account, None)
        return known.position(self._books.clock.elapsed)

    def room(self, account: str, field: str, now: float) -> Amount:
        """How much of one dimension `charge` would let an account have now: nothing when its time is up."""
        at = self._books.clock.at(now)
        above = [one for one in self._books.accounts.nearest(account).upward() if one.limits is not None]
        if any(one.free(SECONDS, at) <= 0 for one in above):
            return 0
        return min((one.free(INDEX[field], at) for one in above), default=inf)

    def accounts(self) -> tuple[str, ...]:
        """All accounts that anything was counted in, parents before children."""
        return tuple(account.path for account in self._books.accounts)

    def reservations(self) -> tuple[Reservation, ...]:
        """All reservations that have not ended, oldest first."""
        return tuple(op.reservation for op in self._books.held.values())

    @property
    def forfeited(self) -> Forfeits:
        """How many calls are counted at their worst case because nobody told what they did cost."""
        return self._books.forfeited

    def drain_alerts(self) -> list[Alert]:
        """The alerts since the last call. A replay tells those of the past again: drain once after it."""
        alerts, self._books.alerts = self._books.alerts, []
        return alerts

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as one journal entry says. Raises: JournalError for an entry of another kind."""
        self._books.apply(kind, data)

    def _do(self, verb: str, **data: Any) -> None:
        self._record(f"ledger.{verb}", data)
        self.apply(f"ledger.{verb}", data)

    def _end(self, verb: str, op: str, **data: Any) -> Settlement:
        self._do(verb, op=op, **data)
        return self._books.over[op][1]

    def _ended(self, op: str) -> Settlement | None:
        """How a reservation ended, or None while it is open. Raises: UsageError."""
        if op in self._books.held:
            return None
        if op not in self._books.over:
            raise UsageError(f"reservation {op!r:.80} is not known: it was never made, or it ended long ago")
        return self._books.over[op][1]

    def _check(self, charges: Iterable[tuple[Account, Amounts]], at: float) -> None:
        for account, asks in joint_demand(charges).items():
            account.check(asks, at)


def _checked_name(name: str, what: str) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise UsageError(f"{what} is {shown(name)}: give 1 to {MAX_NAME} characters")
    return name


def _checked_spend(spend: Spend) -> Spend:
    if not isinstance(spend, Spend) or spend.agents or spend.depth:
        raise UsageError(f"{shown(spend)} cannot be paid: give a Spend; agents are counted by `enter`")
    return spend


def _checked_lease(lease_s: float) -> float:
    if isinstance(lease_s, bool) or not isinstance(lease_s, (int, float)) or not 0 < lease_s <= MAX_LEASE_S:
        raise UsageError(f"lease_s is {shown(lease_s)}: a lease is more than 0 and at most {MAX_LEASE_S:,.0f} s")
    return float(lease_s)


def _same(known: Reservation, wanted: Reservation) -> Reservation:
    if (known.account, known.worst) != (wanted.account, wanted.worst):
        raise UsageError(f"reservation {known.op!r:.80} is open for {known.worst} of {known.account!r}: use another op")
    return known
