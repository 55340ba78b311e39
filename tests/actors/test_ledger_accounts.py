"""How accounts are named, opened and closed."""

from __future__ import annotations

import pytest

from stigmergy.actors.ledger import ROOT, Ledger, agent_account, ancestors, parse
from stigmergy.actors.ledger.paths import MAX_LEVELS
from stigmergy.protocols.budget import Budget, Spend
from stigmergy.protocols.errors import BudgetExhausted, InvalidName, UsageError
from stigmergy.protocols.ids import AgentId, derive_id

LEAD = "swarm/kind:lead/agent:lead~1"


def ledger_with(**budget) -> Ledger:
    ledger = Ledger(lambda kind, data: None)
    ledger.open(ROOT, Budget(**budget), 0.0)
    return ledger


# Paths


def test_a_path_names_all_of_its_ancestors():
    path = agent_account(AgentId("writer", "3"), conversation=derive_id("talk"))
    assert ancestors(path) == (
        path,
        "swarm/kind:writer/agent:writer~3",
        "swarm/kind:writer",
        "swarm",
    )
    assert parse(path)[:2] == (("kind", "writer"), ("agent", "writer~3"))
    assert agent_account(AgentId("writer", "3"), team="red") == "swarm/team:red/agent:writer~3"


NO_SEGMENTS = ["", "kind", "kind:", ":a", "kind:a~", "kind:a~b~c", "KIND:a", "kind:é", "kind:a b", "kind:" + "a" * 65]


@pytest.mark.parametrize("segment", NO_SEGMENTS)
def test_every_segment_is_a_label_and_a_name(segment):
    with pytest.raises(InvalidName):
        parse(f"swarm/{segment}")
    with pytest.raises(InvalidName):
        parse(f"swarm/{segment}/kind:a")


@pytest.mark.parametrize(
    "path", ["", "/", "/swarm", "other", "kind:a", "swarm\n", None, 7, "swarm" + "/kind:a" * MAX_LEVELS]
)
def test_what_is_no_account_is_refused(path):
    with pytest.raises(InvalidName):
        parse(path)


def test_the_deepest_account_can_still_pay():
    ledger = ledger_with(messages=1)
    ledger.charge("swarm" + "/agent:a" * (MAX_LEVELS - 1), Spend(messages=1), 0.0)
    assert ledger.position(ROOT).settled.messages == 1


# Opening


def test_opening_an_account_again_with_the_same_budget_writes_nothing():
    kinds = []
    ledger = Ledger(lambda kind, data: kinds.append(kind))
    ledger.open(ROOT, Budget(usd="0.80"), 0.0)
    ledger.open(ROOT, Budget(usd=0.80), 9.0)
    assert kinds == ["ledger.open"]


def test_a_raised_ceiling_lets_the_work_go_on():
    ledger = ledger_with(messages=1)
    ledger.charge(LEAD, Spend(messages=1), 0.0)
    with pytest.raises(BudgetExhausted):
        ledger.charge(LEAD, Spend(messages=1), 0.5)
    ledger.open(ROOT, Budget(messages=2), 1.0)
    ledger.charge(LEAD, Spend(messages=1), 1.0)
    assert ledger.position(ROOT).settled.messages == 2


def test_a_ceiling_is_never_put_below_what_is_used():
    ledger = ledger_with(tokens=10)
    ledger.reserve("op", LEAD, Spend(tokens=6), 0.0)
    for account in (ROOT, LEAD):
        with pytest.raises(UsageError, match="has used 6 tokens already"):
            ledger.open(account, Budget(tokens=5), 1.0)
        ledger.open(account, Budget(tokens=6), 1.0)


def test_raising_a_ceiling_does_not_give_wall_clock_back():
    ledger = ledger_with(seconds=100)
    ledger.expire(50.0)
    ledger.open(ROOT, Budget(seconds=60), 50.0)
    with pytest.raises(BudgetExhausted, match="all 60 seconds are over"):
        ledger.charge(LEAD, Spend(messages=1), 60.0)


# Closing


def test_a_closed_account_leaves_its_totals_above():
    ledger = ledger_with(usd=1)
    ledger.open(f"{LEAD}/conversation:x", Budget(usd="0.50"), 0.0)
    ledger.charge(f"{LEAD}/conversation:x/agent:a~1", Spend(usd="0.30"), 0.0)
    assert ledger.close(f"{LEAD}/conversation:x").settled == Spend(usd="0.30")
    assert ledger.accounts() == (ROOT, "swarm/kind:lead", LEAD)
    assert ledger.position(LEAD).settled == Spend(usd="0.30")
    ledger.close(f"{LEAD}/conversation:x")


def test_what_ends_after_the_closing_is_still_counted_above_and_not_in_a_namesake():
    ledger = ledger_with(usd=1)
    talk = f"{LEAD}/conversation:x"
    ledger.reserve("settled", talk, Spend(usd="0.30"), 0.0)
    ledger.reserve("orphan", talk, Spend(usd="0.20"), 0.0, lease_s=10.0)
    ledger.close(talk)
    assert ledger.position(ROOT).reserved == Spend(usd="0.50")
    ledger.charge(talk, Spend(messages=1), 0.0)
    ledger.settle("settled", Spend(usd="0.10"), 1.0)
    ledger.expire(10.0)
    assert (ledger.position(LEAD).settled.nano_usd, ledger.position(LEAD).reserved) == (300_000_000, Spend())
    assert ledger.position(talk).settled == Spend(messages=1)


def test_the_root_cannot_be_closed():
    with pytest.raises(UsageError, match="the run itself"):
        ledger_with().close(ROOT)


def test_a_thousand_conversations_leave_no_trace_but_their_totals():
    ledger = ledger_with(messages=10**6)
    for number in range(1_000):
        talk = f"{LEAD}/conversation:{number}"
        ledger.charge(talk, Spend(messages=1_000), 0.0)
        ledger.close(talk)
    assert len(ledger.accounts()) == 3
    assert ledger.position(ROOT).settled.messages == 10**6


def test_a_ceiling_in_seconds_counts_from_when_it_is_first_set():
    ledger = ledger_with(messages=10)
    ledger.open(ROOT, Budget(messages=10, seconds=60), 50.0)
    ledger.open(ROOT, Budget(messages=10, seconds=70), 100.0)
    ledger.reserve("fits", ROOT, Spend(seconds=20), 100.0)
    assert ledger.position(ROOT).settled.seconds == 50.0
    with pytest.raises(BudgetExhausted, match="all 70 seconds are over; raise the ceiling or begin anew$"):
        ledger.reserve("does not", ROOT, Spend(seconds=1), 120.0)
