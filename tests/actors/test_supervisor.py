"""The supervisor, scenario by scenario."""

import pytest

from stigmergy.actors.supervisor import Supervisor
from stigmergy.protocols.errors import Fenced, UsageError
from stigmergy.protocols.supervision import (
    ChildSpec,
    Decision,
    Exit,
    GiveUp,
    Intensity,
    Kill,
    Phase,
    Restart,
    Start,
    Stop,
    Strategy,
    Supervision,
    Suspect,
)
from tests.actors.supervised import OFTEN, ORDERED, PROMPT, Obedient, child, make, supervision

# --- the three strategies -------------------------------------------------------------------------------------------


def test_children_of_one_for_one_start_all_at_once() -> None:
    decisions = make(supervision("a", "b")).begin(0)
    assert decisions == [Start("a", 1, 0.0), Start("b", 1, 0.0)]


def test_children_that_begin_again_together_stop_and_start_all_at_once() -> None:
    supervisor = make(supervision("a", "b", "c", strategy=Strategy.ALL_AT_ONCE))
    assert len(supervisor.begin(0)) == 3
    for name in "abc":
        supervisor.started(name, 1, 1)
    assert supervisor.exited("b", 1, Exit.CRASHED, 2) == [Stop("c", 1), Stop("a", 1)]
    assert supervisor.exited("a", 1, Exit.NORMAL, 3) == []
    assert [type(one) for one in supervisor.exited("c", 1, Exit.NORMAL, 4)] == [Start, Start, Start]


@pytest.mark.parametrize("strategy", ORDERED)
def test_children_of_an_ordered_strategy_start_when_the_one_before_is_up(strategy: Strategy) -> None:
    supervisor = make(supervision("a", "b", strategy=strategy))
    assert supervisor.begin(0) == [Start("a", 1, 0.0)]
    assert supervisor.started("a", 1, 1) == [Start("b", 1, 0.0)]
    assert supervisor.started("b", 1, 2) == []


WHO_IS_RESTARTED = {
    (Strategy.ONE_FOR_ONE, "a"): "a",
    (Strategy.ONE_FOR_ONE, "b"): "b",
    (Strategy.ONE_FOR_ONE, "c"): "c",
    (Strategy.ONE_FOR_ALL, "a"): "abc",
    (Strategy.ONE_FOR_ALL, "b"): "abc",
    (Strategy.ONE_FOR_ALL, "c"): "abc",
    (Strategy.ALL_AT_ONCE, "a"): "abc",
    (Strategy.ALL_AT_ONCE, "c"): "abc",
    (Strategy.REST_FOR_ONE, "a"): "abc",
    (Strategy.REST_FOR_ONE, "b"): "bc",
    (Strategy.REST_FOR_ONE, "c"): "c",
}


@pytest.mark.parametrize(("case", "restarted"), WHO_IS_RESTARTED.items(), ids=str)
def test_a_failure_restarts_whom_the_strategy_names_stops_last_first_starts_in_order(
    case: tuple[Strategy, str], restarted: str
) -> None:
    strategy, failing = case
    shell = Obedient(make(supervision("a", "b", "c", strategy=strategy)))
    others = [name for name in restarted if name != failing]
    assert shell.exits(failing) == [f"stop {n}" for n in reversed(others)] + [f"start {n}" for n in restarted]
    assert shell.running == {name: 1 + (name in restarted) for name in "abc"}


@pytest.mark.parametrize(
    ("restart", "reason", "again"),
    [
        (Restart.PERMANENT, Exit.NORMAL, True),
        (Restart.PERMANENT, Exit.CRASHED, True),
        (Restart.PERMANENT, Exit.LOST, True),
        (Restart.TRANSIENT, Exit.NORMAL, False),
        (Restart.TRANSIENT, Exit.CRASHED, True),
        (Restart.TRANSIENT, Exit.LOST, True),
        (Restart.TEMPORARY, Exit.NORMAL, False),
        (Restart.TEMPORARY, Exit.CRASHED, False),
        (Restart.TEMPORARY, Exit.LOST, False),
    ],
)
@pytest.mark.parametrize("strategy", Strategy)
def test_who_is_not_restarted_takes_nobody_along(
    strategy: Strategy, restart: Restart, reason: Exit, again: bool
) -> None:
    spec = Supervision((child("a", restart), child("b")), strategy=strategy, intensity=OFTEN)
    shell = Obedient(make(spec))
    log = shell.exits("a", reason)
    assert ("start a" in log) == again
    assert ("stop b" in log) == (again and strategy is not Strategy.ONE_FOR_ONE)
    assert again or shell.supervisor.phases()["a"] is Phase.ENDED


def test_a_temporary_child_that_is_stopped_for_its_siblings_stays_down() -> None:
    spec = Supervision((child("a"), child("b", Restart.TEMPORARY)), strategy=Strategy.ONE_FOR_ALL)
    assert Obedient(make(spec)).exits("a") == ["stop b", "start a"]


def test_a_sibling_that_crashes_while_it_waits_for_its_stop_is_restarted_once_and_not_counted() -> None:
    counted = Intensity(restarts=1, within_s=60.0)
    spec = Supervision(tuple(map(child, "abc")), strategy=Strategy.ONE_FOR_ALL, intensity=counted)
    supervisor = Obedient(make(spec)).supervisor
    assert supervisor.exited("a", 1, Exit.CRASHED, 1) == [Stop("c", 1)]
    assert supervisor.exited("b", 1, Exit.CRASHED, 1) == []
    assert supervisor.exited("c", 1, Exit.NORMAL, 1) == [Start("a", 2, 0.0)]
    assert supervisor.started("a", 2, 1) == [Start("b", 2, 0.0)]


# --- life and death -------------------------------------------------------------------------------------------------


def running(now: float = 0.0) -> Supervisor:
    supervisor = make(supervision("a"))
    supervisor.begin(now)
    supervisor.started("a", 1, now)
    return supervisor


def ticks(supervisor: Supervisor, start: int, end: int) -> list[tuple[int, Decision]]:
    return [(now, one) for now in range(start, end) for one in supervisor.tick(now)]


def test_a_silent_child_is_suspected_at_3_s_and_killed_at_10_and_its_successor_starts_at_15() -> None:
    assert ticks(running(), 0, 30) == [(3, Suspect("a", 1)), (10, Kill("a", 1)), (10, Start("a", 2, 5.0))]


def test_a_heartbeat_clears_the_suspicion() -> None:
    supervisor = running()
    assert ticks(supervisor, 0, 9) == [(3, Suspect("a", 1))]
    assert supervisor.heartbeat("a", 1, 9) == []
    assert ticks(supervisor, 9, 19) == [(12, Suspect("a", 1))]


def test_a_crash_that_was_seen_is_restarted_at_once_a_lost_child_after_its_lease() -> None:
    assert running().exited("a", 1, Exit.CRASHED, 4) == [Start("a", 2, 0.0)]
    assert running().exited("a", 1, Exit.LOST, 4) == [Start("a", 2, 11.0)]


def test_a_zombie_that_wakes_after_its_successor_started_is_told_to_die() -> None:
    supervisor = running()
    ticks(supervisor, 0, 16)
    assert supervisor.heartbeat("a", 1, 30) == [Kill("a", 1)]
    assert supervisor.started("a", 1, 30) == [Kill("a", 1)]
    assert supervisor.exited("a", 1, Exit.CRASHED, 30) == []


def test_a_child_that_does_not_come_up_in_60_s_is_killed_and_tried_again_after_a_lease() -> None:
    supervisor = make(supervision("a"))
    supervisor.begin(0)
    assert ticks(supervisor, 0, 61) == [(60, Kill("a", 1)), (60, Start("a", 2, 15.0))]


def test_a_child_that_does_not_stop_within_shutdown_ms_is_killed() -> None:
    supervisor = running()
    assert supervisor.stop(0) == [Stop("a", 1)]
    supervisor.heartbeat("a", 1, 4)
    assert ticks(supervisor, 0, 10) == [(5, Kill("a", 1))]
    assert supervisor.stopped


def test_a_supervisor_that_slept_does_not_take_its_own_silence_for_the_death_of_others() -> None:
    supervisor = running()
    supervisor.tick(0)
    assert supervisor.tick(3_600) == [Suspect("a", 1)]
    assert supervisor.heartbeat("a", 1, 3_600) == []
    assert ticks(supervisor, 3_600, 3_603) == []


def test_a_supervisor_that_slept_before_its_first_tick_kills_nobody() -> None:
    supervisor = running()
    assert supervisor.tick(3_600) == [Suspect("a", 1)]
    assert supervisor.heartbeat("a", 1, 3_600) == []


def test_a_clock_that_jumps_back_kills_nobody() -> None:
    supervisor = running(now=1_000)
    assert ticks(supervisor, 0, 20) == []


def test_the_backoff_doubles_and_is_drawn() -> None:
    spec = Supervision((ChildSpec("a", intensity=OFTEN),), intensity=OFTEN)
    supervisor = make(spec, draw=0.5)
    supervisor.begin(0)
    waits = []
    for epoch in range(1, 10):
        (start,) = supervisor.exited("a", epoch, Exit.CRASHED, 0)
        assert isinstance(start, Start)
        waits.append(start.after_s)
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


# --- giving up ------------------------------------------------------------------------------------------------------


def test_the_fourth_failure_in_60_s_gives_the_child_up_and_the_others_go_on() -> None:
    spec = Supervision(tuple(ChildSpec(f"h{n}", backoff=PROMPT) for n in range(5)))
    shell = Obedient(make(spec))
    for _ in range(3):
        assert shell.exits("h0") == ["start h0"]
    assert shell.exits("h0") == ["give up h0"]
    assert shell.supervisor.phases()["h0"] is Phase.GIVEN_UP
    assert shell.exits("h1") == ["start h1"]


def test_failures_that_are_far_apart_are_accidents() -> None:
    shell = Obedient(make(Supervision((ChildSpec("a", backoff=PROMPT),))))
    for minute in range(20):
        shell.now = minute * 60.0
        assert shell.exits("a") == ["start a"]


def test_more_than_a_fifth_of_the_children_given_up_stops_everything() -> None:
    spec = Supervision(tuple(ChildSpec(f"h{n}", backoff=PROMPT) for n in range(9)))
    shell = Obedient(make(spec))
    for _ in range(4):
        shell.exits("h0")
    for _ in range(3):
        shell.exits("h1")
    log = shell.exits("h1")
    assert log[:3] == ["give up h1", "give up all", "stop h8"]
    assert shell.supervisor.stopped


def test_the_eleventh_restart_of_anybody_in_5_minutes_stops_everything() -> None:
    spec = Supervision(tuple(ChildSpec(f"h{n}", backoff=PROMPT) for n in range(20)))
    shell = Obedient(make(spec))
    for n in range(10):
        shell.now = n * 20.0
        assert shell.exits(f"h{n}") == [f"start h{n}"]
    assert shell.exits("h10")[0] == "give up all"
    assert shell.supervisor.stopped
    assert not shell.running


@pytest.mark.parametrize("strategy", ORDERED)
def test_children_that_need_each_other_are_given_up_together(strategy: Strategy) -> None:
    spec = Supervision(tuple(ChildSpec(n, backoff=PROMPT) for n in "abc"), strategy=strategy, most_given_up=1.0)
    shell = Obedient(make(spec))
    for _ in range(3):
        shell.exits("b")
    assert shell.exits("b") == ["give up b", "give up all", "stop c", "stop a"]


def test_the_reason_says_who_and_how_often() -> None:
    supervisor = make(Supervision((ChildSpec("a", intensity=Intensity(0, 60)),)))
    supervisor.begin(0)
    first, second = supervisor.exited("a", 1, Exit.CRASHED, 1)
    assert first == GiveUp("child a failed more than 0 times in 60 s", "a")
    assert second == GiveUp("child a failed more than 0 times in 60 s")


# --- stopping, adding, removing, epochs -----------------------------------------------------------------------------


def test_stopping_one_for_one_asks_all_last_first_and_ordered_one_by_one() -> None:
    shell = Obedient(make(supervision("a", "b")))
    assert shell.supervisor.stop(1) == [Stop("b", 1), Stop("a", 1)]
    shell = Obedient(make(supervision("a", "b", strategy=Strategy.REST_FOR_ONE)))
    assert shell.supervisor.stop(1) == [Stop("b", 1)]
    assert shell.supervisor.exited("b", 1, Exit.NORMAL, 1) == [Stop("a", 1)]
    assert not shell.supervisor.stopped
    assert shell.supervisor.exited("a", 1, Exit.CRASHED, 1) == []
    assert shell.supervisor.stopped


def test_a_start_that_waits_is_dropped_by_a_stop() -> None:
    supervisor = running()
    (start,) = supervisor.exited("a", 1, Exit.LOST, 1)
    assert isinstance(start, Start)
    assert supervisor.wanted("a", start.epoch)
    assert supervisor.stop(2) == [Stop("a", 2)]
    assert not supervisor.wanted("a", start.epoch)


def test_epochs_go_on_from_what_the_registry_knows() -> None:
    supervisor = Supervisor(supervision("a", "b"), draw=lambda: 0.0, epochs={"a": 41})
    assert supervisor.begin(0) == [Start("a", 42, 0.0), Start("b", 1, 0.0)]


def test_a_child_of_a_newer_supervisor_fences_this_one() -> None:
    with pytest.raises(Fenced, match="another supervisor took over"):
        running().heartbeat("a", 2, 1)
    with pytest.raises(Fenced, match="child a runs with epoch 5, newest here is 1"):
        running().started("a", 5, 1)


def test_children_come_and_go() -> None:
    supervisor = running()
    assert supervisor.add(child("b"), 1) == [Start("b", 1, 0.0)]
    assert supervisor.remove("a", 2) == [Stop("a", 1)]
    assert supervisor.exited("a", 1, Exit.NORMAL, 3) == []
    assert supervisor.phases() == {"b": Phase.STARTING}
    assert supervisor.add(child("a"), 4) == [Start("a", 2, 0.0)]
    assert supervisor.remove("nobody", 5) == []


def test_a_child_that_was_lost_removed_and_added_again_still_waits_for_its_lease() -> None:
    supervisor = running()
    supervisor.remove("a", 1)
    assert ticks(supervisor, 1, 7) == [(6, Kill("a", 1))]
    assert supervisor.add(child("a"), 7) == [Start("a", 2, 8.0)]


def test_a_name_is_added_once_and_nothing_after_the_stop() -> None:
    supervisor = running()
    with pytest.raises(UsageError, match="there is a child a already"):
        supervisor.add(child("a"), 1)
    supervisor.stop(2)
    with pytest.raises(UsageError, match="is stopping"):
        supervisor.add(child("b"), 3)
