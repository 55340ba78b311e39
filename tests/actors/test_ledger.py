"""What the ledger promises a caller, one sentence at a time."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.ledger import Alert, Ledger
from stigmergy.actors.ledger.clock import JUMP_S, TICK_S
from stigmergy.protocols.budget import MAX_AMOUNT, Budget, Spend
from stigmergy.protocols.errors import BudgetExhausted, InvalidName, JournalError, StorageFull, UsageError
from tests.actors.ledgers import state_of

WRITER = "swarm/kind:writer"
ALICE = f"{WRITER}/agent:writer~alice"
TALK = f"{ALICE}/conversation:9f2c"


class Journal:
    """A ledger with the entries it wrote."""

    def __init__(self, **budget: Any):
        self.entries: list[tuple[str, dict[str, Any]]] = []
        self.ledger = Ledger(lambda kind, data: self.entries.append((kind, data)))
        self.ledger.open("swarm", Budget(**budget), 0.0)

    def restarted(self) -> Ledger:
        again = Ledger(lambda kind, data: None)
        for kind, data in self.entries:
            again.apply(kind, data)
        return again


def ledger_with(**budget: Any) -> Ledger:
    return Journal(**budget).ledger


def usd(ledger: Ledger, account: str = "swarm") -> tuple[float, float]:
    position = ledger.position(account)
    return position.settled.nano_usd / 1e9, position.reserved.nano_usd / 1e9


# Reserve, settle, release


def test_a_reservation_counts_on_every_account_up_to_the_root():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", TALK, Spend(usd="0.30"), 0.0)
    for account in (TALK, ALICE, WRITER, "swarm"):
        assert usd(ledger, account) == (0.0, 0.3)
    assert usd(ledger, "swarm/kind:critic") == (0.0, 0.0)


def test_settling_counts_the_actual_and_gives_back_the_rest():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", TALK, Spend(usd="0.30", tokens=500), 0.0)
    ended = ledger.settle("op", Spend(usd="0.10", tokens=200), 1.0)
    assert (ended.outcome, ended.counted, ended.overrun, ended.late) == (
        "settled",
        Spend(usd="0.10", tokens=200),
        Spend(),
        False,
    )
    assert usd(ledger) == (0.1, 0.0)
    assert ledger.position("swarm").available == Budget(usd="0.90")


def test_a_refused_reservation_spends_nothing_and_writes_nothing():
    journal = Journal(usd=1)
    journal.ledger.open(WRITER, Budget(usd="0.50"), 0.0)
    journal.ledger.reserve("first", ALICE, Spend(usd="0.30"), 0.0)
    before = state_of(journal.ledger), list(journal.entries)
    with pytest.raises(BudgetExhausted) as refused:
        journal.ledger.reserve("second", ALICE, Spend(usd="0.30"), 5.0)
    assert refused.value.args == (WRITER, "usd", 0.3, 0.2, 0.5)
    assert (state_of(journal.ledger), journal.entries) == before


def test_the_last_nano_dollar_can_be_spent_and_not_one_more():
    ledger = ledger_with(usd="0.000000002")
    ledger.reserve("a", ALICE, Spend(usd="0.000000001"), 0.0)
    ledger.reserve("b", ALICE, Spend(usd="0.000000001"), 0.0)
    with pytest.raises(BudgetExhausted):
        ledger.reserve("c", ALICE, Spend(usd="0.000000001"), 0.0)


@pytest.mark.parametrize("dimension", ["tokens", "model_calls", "tool_calls", "messages"])
def test_every_dimension_has_its_own_ceiling(dimension):
    ledger = ledger_with(**{dimension: 10})
    ledger.charge(ALICE, Spend(**{dimension: 10}), 0.0)
    with pytest.raises(BudgetExhausted) as refused:
        ledger.charge(ALICE, Spend(**{dimension: 1}), 0.0)
    assert refused.value.args == ("swarm", dimension, 1.0, 0.0, 10.0)
    ledger.charge(ALICE, Spend(**({"tokens": 1} if dimension != "tokens" else {"messages": 1})), 0.0)


def test_a_ceiling_further_up_binds_an_account_without_one():
    ledger = ledger_with(messages=1)
    ledger.charge(TALK, Spend(messages=1), 0.0)
    with pytest.raises(BudgetExhausted, match="'swarm'"):
        ledger.charge("swarm/kind:critic", Spend(messages=1), 0.0)


def test_released_money_can_be_spent_again():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(usd=1), 0.0)
    assert ledger.release("op").outcome == "released"
    assert usd(ledger) == (0.0, 0.0)
    ledger.reserve("next", ALICE, Spend(usd=1), 0.0)


# Repeats


def test_repeating_any_command_of_an_op_changes_nothing():
    journal = Journal(usd=1)
    ledger, worst = journal.ledger, Spend(usd="0.40")
    assert ledger.reserve("op", ALICE, worst, 0.0) == ledger.reserve("op", ALICE, worst, 1.0)
    assert usd(ledger) == (0.0, 0.4)
    first = ledger.settle("op", Spend(usd="0.10"), 2.0)
    before = list(journal.entries)
    assert ledger.settle("op", Spend(usd="0.39"), 3.0) == first
    assert ledger.release("op") == first
    assert journal.entries == before
    assert usd(ledger) == (0.1, 0.0)


def test_an_op_lives_once_so_that_a_second_request_is_never_free():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(usd="0.10"), 0.0)
    with pytest.raises(UsageError, match="use another op"):
        ledger.reserve("op", ALICE, Spend(usd="0.20"), 0.0)
    ledger.release("op")
    with pytest.raises(UsageError, match="another request needs another op"):
        ledger.reserve("op", ALICE, Spend(usd="0.10"), 0.0)


def test_an_op_that_was_never_reserved_cannot_end():
    ledger = ledger_with(usd=1)
    with pytest.raises(UsageError, match="not known"):
        ledger.settle("ghost", Spend(), 0.0)
    with pytest.raises(UsageError, match="not known"):
        ledger.release("ghost")


def test_only_the_latest_ended_reservations_are_remembered():
    ledger = Ledger(lambda kind, data: None, remember=2)
    for op in ("a", "b", "c"):
        ledger.reserve(op, ALICE, Spend(tokens=1), 0.0)
        ledger.settle(op, Spend(tokens=1), 0.0)
    assert ledger.settle("b", Spend(), 0.0).counted == Spend(tokens=1)
    with pytest.raises(UsageError, match="ended long ago"):
        ledger.settle("a", Spend(), 0.0)


# Overruns


def test_more_than_the_worst_case_is_counted_flagged_and_blocks_the_account():
    ledger = ledger_with(usd=1, tokens=1_000)
    ledger.reserve("op", ALICE, Spend(usd="0.90", tokens=10), 0.0)
    ended = ledger.settle("op", Spend(usd="1.20", tokens=10), 1.0)
    assert ended.overrun == Spend(usd="0.30")
    assert usd(ledger) == (1.2, 0.0)
    assert ledger.position("swarm").available == Budget(usd=0, tokens=990)
    with pytest.raises(BudgetExhausted, match="0 usd asked for, 0 left of 1"):
        ledger.reserve("free", ALICE, Spend(tokens=1), 2.0)
    assert [alert.share for alert in ledger.drain_alerts()] == [0.5, 0.8, 0.95, 1.0]


def test_an_overrun_below_the_ceiling_blocks_nothing():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(usd="0.10"), 0.0)
    assert ledger.settle("op", Spend(usd="0.20"), 1.0).overrun == Spend(usd="0.10")
    ledger.reserve("next", ALICE, Spend(usd="0.80"), 2.0)


def test_what_was_sent_after_a_release_is_counted_and_is_all_overrun():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(usd="0.50"), 0.0)
    ledger.release("op")
    ended = ledger.settle("op", Spend(usd="0.20"), 1.0)
    assert (ended.overrun, ended.late) == (Spend(usd="0.20"), True)
    assert usd(ledger) == (0.2, 0.0)


def test_totals_beyond_the_largest_amount_are_shown_as_the_largest():
    ledger = ledger_with()
    for op in ("a", "b"):
        ledger.reserve(op, ALICE, Spend(), 0.0)
        ledger.settle(op, Spend(tokens=MAX_AMOUNT), 0.0)
    assert ledger.position("swarm").settled.tokens == MAX_AMOUNT


# Leases and clocks


def test_an_orphaned_reservation_is_forfeited_at_its_worst_case():
    ledger = ledger_with(usd=1)
    orphan = ledger.reserve("op", ALICE, Spend(usd="0.40"), 0.0, lease_s=10.0)
    assert ledger.expire(9.9) == ()
    assert ledger.expire(10.0) == (orphan,)
    assert usd(ledger) == (0.4, 0.0)
    assert ledger.expire(11.0) == ()


def test_a_late_actual_gives_back_the_difference():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", TALK, Spend(usd="0.40", tokens=7), 0.0, lease_s=10.0)
    ledger.expire(20.0)
    ended = ledger.settle("op", Spend(usd="0.15", tokens=7), 30.0)
    assert (ended.outcome, ended.late, ended.overrun) == ("settled", True, Spend())
    for account in (TALK, "swarm"):
        assert usd(ledger, account) == (0.15, 0.0)


def test_a_forfeit_is_given_back_when_it_turns_out_that_nothing_was_sent():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(usd="0.40"), 0.0, lease_s=10.0)
    ledger.expire(20.0)
    assert ledger.release("op").late
    assert usd(ledger) == (0.0, 0.0)


@pytest.mark.parametrize("jump", [3_600.0, -3_600.0, JUMP_S + 1, 0.0])
def test_a_clock_that_jumps_or_freezes_ends_no_lease(jump):
    ledger = ledger_with(usd=1)
    ledger.expire(1_000.0)
    ledger.reserve("op", ALICE, Spend(usd="0.40"), 1_000.0, lease_s=5.0)
    assert ledger.expire(1_000.0 + jump) == ()
    assert ledger.expire(1_004.9 + jump) == ()
    assert [over.op for over in ledger.expire(1_005.0 + jump)] == ["op"]


def test_a_clock_that_wavers_does_not_run_fast():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(usd="0.40"), 100.0, lease_s=20.0)
    for _ in range(10):
        assert ledger.expire(95.0) == ()
        assert ledger.expire(110.0) == ()


def test_a_jump_forward_is_one_also_after_a_step_back():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(usd="0.40"), 0.0, lease_s=10.0)
    assert ledger.expire(-50.0) == ()
    assert ledger.expire(-50.0 + JUMP_S + 1) == ()


def test_a_ledger_that_is_looked_at_every_second_lets_long_leases_end():
    journal = Journal(usd=1)
    journal.ledger.reserve("op", ALICE, Spend(usd="0.40"), 0.0, lease_s=600.0)
    ended = [second for second in range(1, 700) if journal.ledger.expire(float(second))]
    assert ended == [600]
    ticks = [data for kind, data in journal.entries if kind == "ledger.expire" and not data["ops"]]
    assert len(ticks) <= 700 / TICK_S


def test_reservations_outlive_a_restart_and_a_new_clock():
    journal = Journal(usd=1)
    journal.ledger.reserve("op", ALICE, Spend(usd="0.40"), 5_000.0, lease_s=10.0)
    again = journal.restarted()
    assert again.expire(3.0) == ()
    assert usd(again) == (0.0, 0.4)
    assert again.expire(12.9) == ()
    assert [over.op for over in again.expire(13.0)] == ["op"]


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -float("inf"), True, "0", None, 10**400])
def test_a_reading_that_is_no_time_is_refused_everywhere(now):
    journal = Journal(usd=1)
    ledger = journal.ledger
    ledger.reserve("op", ALICE, Spend(usd="0.1"), 0.0)
    before = state_of(ledger)
    for command in (
        lambda: ledger.open(ALICE, Budget(usd=1), now),
        lambda: ledger.reserve("next", ALICE, Spend(), now),
        lambda: ledger.settle("op", Spend(), now),
        lambda: ledger.expire(now),
        lambda: ledger.charge(ALICE, Spend(messages=1), now),
    ):
        with pytest.raises(UsageError, match="now is"):
            command()
    assert state_of(ledger) == before


@pytest.mark.parametrize("lease_s", [0, -1.0, float("nan"), float("inf"), True, "60", 10**400])
def test_a_lease_is_a_time(lease_s):
    with pytest.raises(UsageError, match="lease_s"):
        ledger_with().reserve("op", ALICE, Spend(), 0.0, lease_s=lease_s)


@pytest.mark.parametrize("spend", [None, 5, {"tokens": 5}, Budget(tokens=5)])
def test_only_what_can_be_paid_is_taken(spend):
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(), 0.0)
    with pytest.raises(UsageError, match="cannot be paid"):
        ledger.reserve("next", ALICE, spend, 0.0)
    with pytest.raises(UsageError, match="cannot be paid"):
        ledger.settle("op", spend, 0.0)
    with pytest.raises(UsageError, match="cannot be paid"):
        ledger.charge(ALICE, spend, 0.0)


# Charges


def test_many_charges_are_one_entry():
    journal = Journal(messages=10)
    journal.ledger.charge_many(
        [(ALICE, Spend(messages=1)), (TALK, Spend(messages=3)), (ALICE, Spend(messages=1)), ("swarm", Spend())], 0.0
    )
    assert journal.entries[1:] == [
        ("ledger.charge", {"paid": [[ALICE, {"messages": 2}], [TALK, {"messages": 3}]], "now": 0.0})
    ]
    assert journal.ledger.position(TALK).settled.messages == 3
    assert journal.ledger.position(ALICE).settled.messages == 5
    assert journal.ledger.position("swarm").settled.messages == 5


def test_charges_that_pass_a_ceiling_only_together_are_refused_together():
    journal = Journal(messages=4)
    before = state_of(journal.ledger)
    with pytest.raises(BudgetExhausted) as refused:
        journal.ledger.charge_many([(ALICE, Spend(messages=2)), (TALK, Spend(messages=3))], 0.0)
    assert refused.value.requested == 5.0
    assert state_of(journal.ledger) == before


def test_charges_that_overflow_together_are_refused():
    journal = Journal()
    for accounts in ((ALICE, ALICE), (ALICE, TALK)):
        with pytest.raises(UsageError, match="charge less at once"):
            journal.ledger.charge_many([(account, Spend(tokens=MAX_AMOUNT)) for account in accounts], 0.0)
    assert len(journal.entries) == 1


def test_a_charge_leaves_room_for_what_is_reserved():
    ledger = ledger_with(tokens=10)
    ledger.reserve("op", ALICE, Spend(tokens=8), 0.0)
    with pytest.raises(BudgetExhausted):
        ledger.charge(ALICE, Spend(tokens=3), 0.0)


# Live agents, depth


def test_live_agents_are_capped_and_their_places_come_back():
    journal = Journal(agents=2)
    ledger = journal.ledger
    ledger.enter("writer/1", WRITER, 1)
    ledger.enter("critic/1", "swarm/kind:critic", 1)
    with pytest.raises(BudgetExhausted) as refused:
        ledger.check_enter(WRITER, 1)
    assert refused.value.args == ("swarm", "agents", 1.0, 0.0, 2.0)
    assert "passivated" in str(refused.value)
    for one in (ledger, journal.restarted()):
        assert one.position("swarm").reserved == Spend(agents=2)
        assert one.position(WRITER).reserved.agents == 1
        assert one.position("swarm").available.agents == 0
    ledger.leave(["critic/1"])
    ledger.check_enter(WRITER, 1)
    assert journal.restarted().alive.keys() == {"writer/1"}


def test_an_account_below_has_a_ceiling_of_its_own_in_agents():
    ledger = ledger_with()
    assert not ledger.counted
    ledger.open(WRITER, Budget(agents=1), 0.0)
    assert ledger.counted.keys() == {WRITER}
    ledger.enter("writer/1", WRITER, 1)
    ledger.check_enter("swarm/kind:critic", 1)
    with pytest.raises(BudgetExhausted, match=WRITER):
        ledger.check_enter(WRITER, 1)
    ledger.open(WRITER, Budget(), 0.0)
    assert not ledger.counted


def test_depth_is_checked_and_never_adds_up():
    ledger = ledger_with(depth=3)
    ledger.enter("writer/1", WRITER, 3)
    ledger.check_enter(WRITER, 3)
    with pytest.raises(BudgetExhausted, match="agents that are alive") as refused:
        ledger.check_enter(WRITER, 4)
    assert refused.value.args == ("swarm", "depth", 4.0, 3.0, 3.0)


def test_agents_are_counted_and_not_paid_for():
    ledger = ledger_with(agents=1, depth=1)
    for spend in (Spend(agents=1), Spend(depth=1)):
        with pytest.raises(UsageError, match="cannot be paid"):
            ledger.charge(ALICE, spend, 0.0)
    ledger.enter("writer/1", WRITER, 1)
    ledger.charge(ALICE, Spend(messages=1), 0.0)  # a full house is no reason to stop
    ledger.reserve("op", ALICE, Spend(usd=1), 0.0)


def test_a_full_house_of_agents_warns_but_is_no_reason_to_stop():
    ledger = ledger_with(agents=2)
    for name in ("writer/1", "writer/2"):
        ledger.enter(name, WRITER, 1)
    assert [alert.share for alert in ledger.drain_alerts()] == [0.5, 0.8, 0.95]


# Wall clock


def test_wall_clock_runs_from_the_opening_and_stops_everything_at_its_end():
    ledger = ledger_with()
    ledger.open(WRITER, Budget(seconds=100), 50.0)
    ledger.charge(ALICE, Spend(messages=1), 100.0)
    ledger.reserve("op", ALICE, Spend(seconds=50), 100.0)
    with pytest.raises(BudgetExhausted) as refused:
        ledger.reserve("too long", ALICE, Spend(seconds=51), 100.0)
    assert refused.value.args == (WRITER, "seconds", 51.0, 50.0, 100.0)
    for command in (
        lambda: ledger.charge(ALICE, Spend(messages=1), 150.0),
        lambda: ledger.reserve("late", ALICE, Spend(), 150.0),
    ):
        with pytest.raises(BudgetExhausted, match="seconds"):
            command()
    ledger.charge("swarm/kind:critic", Spend(messages=1), 150.0)


# Alerts


def test_each_share_is_told_once_and_the_last_is_the_hard_stop():
    ledger = ledger_with(usd=1)
    told = []
    for cent in range(100):
        ledger.reserve(f"op{cent}", ALICE, Spend(usd="0.01"), 0.0)
        ledger.settle(f"op{cent}", Spend(usd="0.01"), 0.0)
        told += [(cent + 1, alert) for alert in ledger.drain_alerts()]
    assert told == [
        (50, Alert("swarm", "usd", 0.5, 0.5, 1.0)),
        (80, Alert("swarm", "usd", 0.8, 0.8, 1.0)),
        (95, Alert("swarm", "usd", 0.95, 0.95, 1.0)),
        (100, Alert("swarm", "usd", 1.0, 1.0, 1.0)),
    ]
    assert [alert.is_stop for _, alert in told] == [False, False, False, True]
    assert str(told[1][1]) == "budget of account 'swarm' is at 80%: 0.8 of 1 usd"
    assert str(told[3][1]) == "budget of account 'swarm' is used up: 1 of 1 usd"


def test_what_is_only_reserved_alarms_nobody():
    ledger = ledger_with(usd=1)
    ledger.reserve("op", ALICE, Spend(usd=1), 0.0)
    assert ledger.drain_alerts() == []
    ledger.settle("op", Spend(usd="0.10"), 0.0)
    assert ledger.drain_alerts() == []


def test_every_account_and_dimension_has_its_own_alerts():
    ledger = ledger_with(messages=10, tokens=2)
    ledger.open(WRITER, Budget(messages=2), 0.0)
    ledger.charge(ALICE, Spend(messages=1, tokens=1), 0.0)
    assert {(alert.account, alert.dimension, alert.share) for alert in ledger.drain_alerts()} == {
        (WRITER, "messages", 0.5),
        ("swarm", "tokens", 0.5),
    }


def test_wall_clock_alerts_come_by_themselves():
    ledger = ledger_with(seconds=100)
    told = []
    for second in range(1, 120):
        ledger.expire(float(second))
        told += [(second, alert.share) for alert in ledger.drain_alerts()]
    assert told == [(50, 0.5), (80, 0.8), (95, 0.95), (100, 1.0)]


def test_the_time_of_a_closed_account_is_nobodys_business():
    ledger = ledger_with()
    ledger.open(TALK, Budget(seconds=10), 0.0)
    ledger.close(TALK)
    ledger.expire(20.0)
    assert ledger.drain_alerts() == []


def test_a_new_ceiling_starts_its_alerts_anew():
    ledger = ledger_with(messages=10)
    ledger.charge(ALICE, Spend(messages=8), 0.0)
    assert [alert.share for alert in ledger.drain_alerts()] == [0.5, 0.8]
    ledger.open("swarm", Budget(messages=16), 1.0)
    assert ledger.drain_alerts() == [Alert("swarm", "messages", 0.5, 8.0, 16.0)]


def test_a_ceiling_of_nothing_allows_nothing_and_alarms_nobody():
    ledger = ledger_with(model_calls=0)
    with pytest.raises(BudgetExhausted):
        ledger.reserve("op", ALICE, Spend(model_calls=1), 0.0)
    assert ledger.drain_alerts() == []


# Entries


def test_what_the_journal_could_not_write_did_not_happen():
    def full_disk(kind: str, data: dict[str, Any]) -> None:
        raise StorageFull("no room")

    ledger = Ledger(full_disk)
    before = state_of(ledger)
    for command in (
        lambda: ledger.open(ALICE, Budget(usd=1), 0.0),
        lambda: ledger.reserve("op", ALICE, Spend(usd=1), 0.0),
        lambda: ledger.charge(ALICE, Spend(messages=1), 0.0),
        lambda: ledger.expire(0.0),
    ):
        with pytest.raises(StorageFull):
            command()
    assert state_of(ledger) == before


def test_an_entry_of_another_machine_is_refused():
    with pytest.raises(JournalError, match=r"facts\.put"):
        ledger_with().apply("facts.put", {})


@pytest.mark.parametrize("account", ["", "swam", "swarm/", "swarm/writer", "swarm/Kind:a", "swarm/kind:a b", "kind:a"])
def test_nothing_is_paid_from_an_account_outside_the_tree(account):
    ledger = ledger_with(usd=1)
    for command in (
        lambda: ledger.charge(account, Spend(messages=1), 0.0),
        lambda: ledger.reserve("op", account, Spend(), 0.0),
        lambda: ledger.open(account, Budget(), 0.0),
        lambda: ledger.position(account),
    ):
        with pytest.raises(InvalidName, match="not an account"):
            command()
