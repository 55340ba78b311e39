"""How accounts are named, opened, sliced and closed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    with pytest.raises(BudgetExhausted, match="seconds"):
        ledger.charge(LEAD, Spend(messages=1), 60.0)


def test_the_remainder_is_the_least_that_any_ceiling_leaves():
    ledger = ledger_with(usd=1, tokens=100, seconds=100)
    ledger.open("swarm/kind:lead", Budget(usd="0.60", model_calls=5), 0.0)
    ledger.charge("swarm/kind:critic", Spend(usd="0.70", tokens=1), 10.0)
    ledger.charge(LEAD, Spend(model_calls=2), 10.0)
    assert ledger.remainder(LEAD) == Budget(usd="0.30", tokens=99, model_calls=3, seconds=90)


# Slices


def test_a_child_gets_a_part_of_the_remainder_and_not_of_the_ceiling():
    ledger = ledger_with(usd=1, messages=100)
    ledger.charge(LEAD, Spend(usd="0.60"), 0.0)
    assert ledger.slice(LEAD, f"{LEAD}/agent:helper~1", 0.0, share=0.25) == Budget(usd="0.10", messages=25)
    assert ledger.position(f"{LEAD}/agent:helper~1").ceiling == Budget(usd="0.10", messages=25)


def test_what_was_promised_to_one_child_is_not_promised_to_the_next():
    ledger = ledger_with(messages=100)
    slices = [ledger.slice(ROOT, f"swarm/kind:{name}", 0.0).messages for name in "abcd"]
    assert slices == [50, 25, 12, 6]


def test_a_grandchild_gets_a_part_of_its_parents_slice():
    ledger = ledger_with(messages=100)
    ledger.slice(ROOT, "swarm/kind:a", 0.0)
    assert ledger.slice("swarm/kind:a", "swarm/kind:a/agent:a~1", 0.0).messages == 25
    assert ledger.slice(ROOT, "swarm/kind:b", 0.0).messages == 25


def test_a_spent_slice_is_no_longer_promised_and_a_closed_one_comes_back():
    ledger = ledger_with(messages=100)
    ledger.slice(ROOT, "swarm/kind:a", 0.0)
    ledger.charge("swarm/kind:a", Spend(messages=40), 0.0)
    assert ledger.slice(ROOT, "swarm/kind:b", 0.0).messages == 25  # half of 100 - 40 spent - 10 promised
    ledger.close("swarm/kind:a")
    assert ledger.slice(ROOT, "swarm/kind:c", 0.0).messages == 17  # half of 100 - 40 spent - 25 promised


def test_a_slice_may_be_named_but_not_be_the_whole():
    ledger = ledger_with(usd=1, messages=100)
    wish = Budget(usd="0.20", tokens=50, seconds=9)
    assert ledger.slice(ROOT, "swarm/kind:a", 0.0, budget=wish) == Budget(usd="0.20", messages=50, tokens=50, seconds=9)
    with pytest.raises(BudgetExhausted) as refused:
        ledger.slice(ROOT, "swarm/kind:b", 0.0, budget=Budget(usd="0.80"))
    assert refused.value.args == (ROOT, "usd", 0.8, 0.8, 1.0)


def test_a_child_of_an_exhausted_parent_gets_nothing():
    ledger = ledger_with(messages=1)
    ledger.charge(LEAD, Spend(messages=1), 0.0)
    assert ledger.slice(LEAD, f"{LEAD}/agent:helper~1", 0.0) == Budget(messages=0)


def test_slicing_again_changes_nothing():
    ledger = ledger_with(messages=100)
    assert ledger.slice(ROOT, "swarm/kind:a", 0.0) == ledger.slice(ROOT, "swarm/kind:a", 0.0, share=0.9)


def test_a_slice_does_not_count_what_the_child_spent_before():
    ledger = ledger_with(messages=100)
    ledger.charge("swarm/kind:a", Spend(messages=20), 0.0)
    assert ledger.slice(ROOT, "swarm/kind:a", 0.0).messages == 20 + 40


def test_a_slice_of_what_is_open_without_ceilings_gives_it_some():
    ledger = ledger_with(messages=100)
    ledger.open("swarm/kind:a", Budget(tokens=7), 0.0)
    ledger.slice("swarm/kind:a", "swarm/kind:a/agent:a~1", 0.0)
    assert ledger.slice(ROOT, "swarm/kind:a", 0.0) == Budget(tokens=7, messages=25)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan"), True, "0.5", None])
def test_a_share_is_more_than_nothing_and_less_than_all(share):
    with pytest.raises(UsageError, match="share"):
        ledger_with(messages=100).slice(ROOT, "swarm/kind:a", 0.0, share=share)


@pytest.mark.parametrize("child", [ROOT, "swarm2/kind:a", "kind:a", "swarm/agent:b"])
def test_only_an_account_below_gets_a_slice(child):
    with pytest.raises(UsageError, match="not below"):
        ledger_with(messages=100).slice("swarm/kind:a", child, 0.0)


@given(
    ceiling=st.integers(1, 10**18),
    cuts=st.lists(
        st.tuples(st.integers(0, 3), st.floats(0, 1, exclude_min=True, exclude_max=True)), min_size=1, max_size=12
    ),
)
def test_all_slices_together_are_less_than_the_whole(ceiling, cuts):
    ledger = ledger_with(tokens=ceiling)
    parents, ceilings = [ROOT], {ROOT: ceiling}
    for number, (parent, share) in enumerate(cuts):
        above = parents[parent % len(parents)]
        child = f"{above}/agent:a~{number}"
        ceilings[child] = ledger.slice(above, child, 0.0, share=share).tokens or 0
        parents.append(child)
    for parent in parents:
        children = [path for path in ceilings if path.rpartition("/")[0] == parent]
        assert sum(ceilings[child] for child in children) < max(1, ceilings[parent])


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
    with pytest.raises(BudgetExhausted, match="1 second asked for, 0 left of 70"):
        ledger.reserve("does not", ROOT, Spend(seconds=1), 120.0)
