from stigmergy.actors.watchdog.sightings import Action, Reason
from stigmergy.actors.watchdog.watchdog import LoopWatchdog


def test_a_turn_past_its_deadline_is_warned_of_once_and_quarantined_at_twice_its_time():
    watchdog = LoopWatchdog()
    watchdog.turn_began("m1", "scout/17", "c", deadline=110.0, now=100.0)
    assert watchdog.sweep(110.0) == []
    (warning,) = watchdog.sweep(111.0)
    assert (warning.action, warning.reason, warning.agents) == (Action.WARN, Reason.OVERDUE, ("scout/17",))
    assert warning.exchange == "scout/17 has run turn m1 for 11.0 s, and was given 10.0 s"
    assert watchdog.sweep(119.0) == []
    (verdict,) = watchdog.sweep(120.0)
    assert (verdict.action, verdict.conversation) == (Action.QUARANTINE, "c")
    assert watchdog.sweep(1_000.0) == []


def test_a_turn_that_ended_is_never_late():
    watchdog = LoopWatchdog()
    watchdog.turn_began("m1", "scout/17", "c", deadline=110.0, now=100.0)
    watchdog.turn_ended("m1")
    watchdog.turn_ended("m1")
    assert watchdog.sweep(1_000.0) == []


def test_another_attempt_has_a_deadline_of_its_own():
    watchdog = LoopWatchdog()
    watchdog.turn_began("m1", "scout/17", "c", deadline=110.0, now=100.0)
    watchdog.turn_began("m1", "scout/17", "c", deadline=150.0, now=140.0)
    assert watchdog.sweep(149.0) == []
