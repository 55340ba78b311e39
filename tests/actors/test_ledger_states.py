"""Arbitrary interleavings against an independent model: no ceiling is passed, and replay is the state.

The provider in this model bills what was sent, whatever becomes of the client. What it billed may
never exceed what the ledger holds as settled or reserved.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgpack
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stigmergy.actors.ledger import ROOT, Ledger
from stigmergy.protocols.budget import CONSUMED, Budget, Spend
from stigmergy.protocols.errors import BudgetExhausted, UsageError
from tests.actors.ledgers import state_of
from tests.depth import depth

KINDS = ("swarm/kind:a", "swarm/kind:b")
CLOSABLE = (
    "swarm/kind:a/agent:a~1",
    "swarm/kind:a/agent:a~1/conversation:x",
    "swarm/kind:a/agent:a~1/conversation:y",
    "swarm/kind:b/agent:b~1",
)
ACCOUNTS = (ROOT, *KINDS, *CLOSABLE)

accounts = st.sampled_from(ACCOUNTS)
amounts = st.dictionaries(st.sampled_from(CONSUMED), st.integers(0, 9), max_size=3)
spends = amounts.map(Spend.from_plain)
budgets = st.dictionaries(st.sampled_from(CONSUMED), st.integers(0, 60), max_size=4).map(Budget.from_plain)
picks = st.integers(0, 1_000)
BAD_AMOUNTS = (-1, float("nan"), float("inf"), 1.5, True, "1", 10**400)


@dataclass
class Call:
    """One request: what may be spent, what the provider bills, and what the ledger should hold for it."""

    op: str
    account: str
    worst: Spend
    actual: Spend
    sent: bool
    state: str = "held"

    @property
    def counted(self) -> Spend:
        return {"held": Spend(), "settled": self.actual, "forfeited": self.worst, "released": Spend()}[self.state]


def excess(ledger: Ledger, path: str) -> Counter[str]:
    """How far an account is above its ceilings."""
    position = ledger.position(path)
    over: Counter[str] = Counter()
    for field, ceiling in position.ceiling.to_plain().items():
        over[field] = getattr(position.settled, field) + getattr(position.reserved, field) - int(ceiling)
    return +over


class Interleavings(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.entries: list[tuple[str, dict[str, Any]]] = []
        self.ledger = Ledger(self.write)
        self.now = 0.0
        self.calls: list[Call] = []
        self.charged: Counter[tuple[str, str]] = Counter()
        self.overrun: Counter[str] = Counter()

    def write(self, kind: str, data: dict[str, Any]) -> None:
        self.entries.append((kind, msgpack.unpackb(msgpack.packb(data))))

    def pick(self, number: int, *states: str) -> Call | None:
        calls = [call for call in self.calls if call.state in states]
        return calls[number % len(calls)] if calls else None

    @rule(account=accounts, budget=budgets)
    def open_an_account(self, account, budget):
        try:
            self.ledger.open(account, budget, self.now)
        except UsageError:
            position = self.ledger.position(account)
            held = position.settled + position.reserved
            assert any(getattr(held, field) > ceiling for field, ceiling in budget.to_plain().items())

    @rule(account=accounts, worst=spends, saved=spends, sent=st.booleans(), lease_s=st.integers(1, 90))
    def reserve_and_maybe_send(self, account, worst, saved, sent, lease_s):
        call = Call(f"op{len(self.calls)}", account, worst, worst - saved, sent)
        before = state_of(self.ledger)
        try:
            self.ledger.reserve(call.op, account, worst, self.now, lease_s=float(lease_s))
        except BudgetExhausted:
            assert state_of(self.ledger) == before
        else:
            assert self.ledger.reserve(call.op, account, worst, self.now).op == call.op
            self.calls.append(call)

    @rule(number=picks)
    def settle_in_time_or_late(self, number):
        call = self.pick(number, "held", "forfeited")
        if call and call.sent:
            ended = self.ledger.settle(call.op, call.actual, self.now)
            assert ended.late == (call.state == "forfeited")
            assert not ended.overrun
            call.state = "settled"

    @rule(number=picks, extra=spends)
    def settle_for_more_than_the_worst_case(self, number, extra):
        call = self.pick(number, "held", "forfeited")
        if call and call.sent:
            call.actual = call.worst + extra
            assert self.ledger.settle(call.op, call.actual, self.now).overrun == extra
            self.overrun.update(extra.to_plain())
            call.state = "settled"

    @rule(number=picks, wrong=spends)
    def end_a_settled_one_again(self, number, wrong):
        call = self.pick(number, "settled")
        if call:
            before = state_of(self.ledger)
            assert self.ledger.settle(call.op, wrong, self.now).counted == call.actual
            assert self.ledger.release(call.op).counted == call.actual
            assert state_of(self.ledger) == before

    @rule(number=picks)
    def release_what_was_not_sent(self, number):
        call = self.pick(number, "held", "forfeited", "released")
        if call and not call.sent:
            self.ledger.release(call.op)
            call.state = "released"

    @rule(seconds=st.integers(0, 59))
    def let_time_pass(self, seconds):
        self.now += seconds
        self.expire()

    @rule(jump=st.sampled_from([-1e6, -3_600.0, -61.0, 61.0, 3_600.0, 1e6]))
    def let_the_clock_jump(self, jump):
        self.now += jump
        assert self.expire() == 0

    def expire(self) -> int:
        forfeited = {reservation.op for reservation in self.ledger.expire(self.now)}
        for call in self.calls:
            if call.op in forfeited:
                assert call.state == "held"
                call.state = "forfeited"
        return len(forfeited)

    @rule(charges=st.lists(st.tuples(accounts, spends), max_size=4))
    def charge(self, charges):
        before = state_of(self.ledger)
        try:
            self.ledger.charge_many(charges, self.now)
        except BudgetExhausted:
            assert state_of(self.ledger) == before
        else:
            for account, spend in charges:
                self.charged.update({(account, field): amount for field, amount in spend.to_plain().items()})

    @rule(account=st.sampled_from(CLOSABLE))
    def close(self, account):
        self.ledger.close(account)

    @rule(account=accounts, amount=st.sampled_from(BAD_AMOUNTS))
    def ask_for_nonsense(self, account, amount):
        before = state_of(self.ledger)
        for nonsense in (
            lambda: self.ledger.charge(account, Spend(tokens=amount), self.now),
            lambda: self.ledger.reserve("bad", account, Spend(messages=amount), self.now),
            lambda: self.ledger.open(account, Budget(model_calls=amount), self.now),
            lambda: self.ledger.settle("never reserved", Spend(), self.now),
        ):
            with pytest.raises(UsageError):
                nonsense()
        assert state_of(self.ledger) == before

    @rule()
    def crash_and_come_back(self):
        before = state_of(self.ledger)
        self.ledger = Ledger(self.write)
        for kind, data in self.entries:
            self.ledger.apply(kind, data)
        assert state_of(self.ledger) == before

    @invariant()
    def no_ceiling_is_passed(self):
        for path in self.ledger.accounts():
            assert excess(self.ledger, path) <= self.overrun

    @invariant()
    def totals_are_what_the_model_says(self):
        for path in (ROOT, *KINDS):
            position = self.ledger.position(path)
            below = [call for call in self.calls if f"{call.account}/".startswith(f"{path}/")]
            for field in CONSUMED:
                charged = sum(n for (account, f), n in self.charged.items() if f == field and account.startswith(path))
                counted = sum(getattr(call.counted, field) for call in below)
                held = sum(getattr(call.worst, field) for call in below if call.state == "held")
                assert getattr(position.settled, field) == counted + charged
                assert getattr(position.reserved, field) == held

    @invariant()
    def the_provider_never_billed_more_than_is_accounted_for(self):
        position = self.ledger.position(ROOT)
        for field in CONSUMED:
            billed = sum(getattr(call.actual, field) for call in self.calls if call.sent)
            assert billed <= getattr(position.settled, field) + getattr(position.reserved, field)

    def teardown(self) -> None:
        """The state is the fold of `apply` over the entries, and the ceilings hold after every single one."""
        again = Ledger(lambda kind, data: None)
        for kind, data in self.entries:
            again.apply(kind, data)
            if not self.overrun:
                assert not any(excess(again, path) for path in again.accounts())
        assert state_of(again) == state_of(self.ledger)
        assert again.position(ROOT) == self.ledger.position(ROOT)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(stateful_step_count=depth(20, 50))
