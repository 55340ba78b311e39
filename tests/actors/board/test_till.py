"""Messages are paid for once a commit, and refused exactly as if each had been paid for by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.board.till import Till
from stigmergy.actors.ledger import Ledger
from stigmergy.protocols.budget import Budget, Spend
from stigmergy.protocols.errors import BudgetExhausted

A, B, BELOW = "swarm/kind:a", "swarm/kind:b", "swarm/kind:a/agent:a~1"


def books(**ceilings):
    entries = []
    ledger = Ledger(lambda kind, data: entries.append((kind, data)))
    for account, budget in ceilings.items():
        ledger.open({"root": "swarm", "a": A, "b": B}[account], budget, 0.0)
    entries.clear()
    return ledger, entries


def test_what_fits_is_paid_for_in_one_entry():
    ledger, entries = books(root=Budget(messages=10))
    till = Till(ledger)
    for account in (A, B, A):
        till.charge({account: 2}, 1.0)
    assert entries == []
    till.empty()
    till.empty()
    assert entries == [("ledger.charge", {"paid": [[A, {"messages": 4}], [B, {"messages": 2}]], "now": 1.0})]


def test_exactly_the_message_that_does_not_fit_is_refused_and_smaller_ones_after_it_still_fit():
    ledger, _ = books(root=Budget(messages=10), a=Budget(messages=4))
    till = Till(ledger)
    till.charge({A: 3}, 1.0)
    with pytest.raises(BudgetExhausted, match="kind:a"):
        till.charge({A: 2, B: 1}, 1.0)
    till.charge({A: 1, B: 6}, 1.0)
    with pytest.raises(BudgetExhausted, match="'swarm'"):
        till.charge({B: 1}, 1.0)
    till.empty()
    assert [ledger.position(account).settled.messages for account in (A, B, "swarm")] == [4, 6, 10]


def test_an_account_whose_time_ends_before_the_commit_pays_for_what_it_had_in_time():
    ledger, _ = books(a=Budget(seconds=10))
    till = Till(ledger)
    till.charge({A: 1}, 9.0)
    with pytest.raises(BudgetExhausted):
        till.charge({A: 1}, 10.5)
    till.charge({B: 1}, 10.5)
    till.empty()
    assert [ledger.position(account).settled.messages for account in (A, B)] == [1, 1]


ACCOUNTS = st.sampled_from(["swarm", A, B, BELOW])
CHARGES = st.lists(
    st.tuples(st.dictionaries(ACCOUNTS, st.integers(1, 3), min_size=1), st.booleans(), st.integers(0, 4)), max_size=12
)


@given(CHARGES, st.integers(0, 12), st.integers(0, 8), st.one_of(st.none(), st.integers(1, 30)))
def test_a_till_refuses_what_the_ledger_refuses_and_no_ceiling_is_ever_passed(charges, top, below, seconds):
    ceilings = {"root": Budget(messages=top), "a": Budget(messages=below, seconds=seconds)}
    (plain, _), (ledger, entries) = books(**ceilings), books(**ceilings)
    till, now = Till(ledger), 0.0
    for messages, commits, pause in charges:
        now += pause
        outcomes = []
        for charge in (
            lambda: plain.charge_many([(a, Spend(messages=n)) for a, n in messages.items()], now),  # noqa: B023
            lambda: till.charge(messages, now),  # noqa: B023
        ):
            try:
                charge()
                outcomes.append("")
            except BudgetExhausted as refusal:
                outcomes.append(str(refusal))
        assert outcomes[0] == outcomes[1]
        if commits:
            till.empty()
    till.empty()
    assert [plain.position(a).settled.messages for a in ("swarm", A, B)] == [
        ledger.position(a).settled.messages for a in ("swarm", A, B)
    ]
    replayed, _ = books(**ceilings)
    for kind, data in entries:
        replayed.apply(kind, data)
        assert replayed.position("swarm").settled.messages <= top
        assert replayed.position(A).settled.messages <= below
