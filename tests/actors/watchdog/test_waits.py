from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.watchdog.sightings import Action, Reason
from stigmergy.actors.watchdog.waits import Waits
from stigmergy.actors.watchdog.watchdog import LoopWatchdog


def ask(watchdog, asker, asked, conversation="c", **kind):
    return watchdog.waits(asker, asked, conversation, 0.0, **kind)


def test_a_cycle_of_asks_is_a_deadlock_found_by_the_ask_that_closes_it():
    watchdog = LoopWatchdog()
    assert ask(watchdog, "a/1", "b/1") is None
    assert ask(watchdog, "b/1", "c/1") is None
    verdict = ask(watchdog, "c/1", "a/1")
    assert (verdict.action, verdict.reason) == (Action.QUARANTINE, Reason.DEADLOCK)
    assert verdict.agents == ("c/1", "a/1", "b/1")
    assert verdict.exchange == "c/1 waits for a/1 waits for b/1 waits for c/1"
    assert verdict.count == 3
    assert watchdog.is_quarantined("c")


def test_an_agent_that_asks_itself_waits_for_ever():
    assert ask(LoopWatchdog(), "a/1", "a/1").exchange == "a/1 waits for a/1"


def test_a_deadlock_across_conversations_ends_the_one_that_closed_it():
    watchdog = LoopWatchdog()
    ask(watchdog, "a/1", "b/1", "first")
    assert ask(watchdog, "b/1", "a/1", "second").conversation == "second"
    assert not watchdog.is_quarantined("first")


def test_an_answered_ask_is_part_of_no_deadlock():
    watchdog = LoopWatchdog()
    ask(watchdog, "a/1", "b/1")
    watchdog.answered("a/1", "b/1")
    assert ask(watchdog, "b/1", "a/1") is None


def test_of_two_asks_between_the_same_two_one_answer_closes_one():
    watchdog = LoopWatchdog()
    ask(watchdog, "a/1", "b/1")
    ask(watchdog, "a/1", "b/1")
    watchdog.answered("a/1", "b/1")
    assert ask(watchdog, "b/1", "a/1") is not None


def test_a_reentrant_agent_can_be_asked_by_those_it_waits_for():
    watchdog = LoopWatchdog()
    ask(watchdog, "a/1", "b/1")
    assert ask(watchdog, "b/1", "a/1", reentrant=True) is None


def test_a_pool_or_a_skill_finds_a_free_agent():
    watchdog = LoopWatchdog()
    assert ask(watchdog, "a/1", "b") is None
    assert ask(watchdog, "b", "a/1") is None
    assert ask(watchdog, "a/1", "skill:search") is None


def test_five_hundred_asks_at_once_are_no_deadlock_and_one_that_comes_back_is():
    watchdog = LoopWatchdog()
    for worker in range(500):
        assert ask(watchdog, "boss/1", f"worker/{worker}") is None
    assert ask(watchdog, "worker/250", "boss/1").agents == ("worker/250", "boss/1")


def test_an_ask_that_nobody_settled_for_an_hour_is_forgotten():
    watchdog = LoopWatchdog()
    ask(watchdog, "a/1", "b/1")
    watchdog.sweep(3_601.0)
    assert ask(watchdog, "b/1", "a/1") is None


def test_an_agent_whose_turn_is_over_waits_for_nobody():
    """Its ask may have run out of time, or its host may have died: no answer comes that could settle it."""
    for end in (lambda w: w.turn_ended("m1"), lambda w: w.turn_began("m1", "a/1", "c", 20.0, 10.0)):
        watchdog = LoopWatchdog()
        watchdog.turn_began("m1", "a/1", "c", 10.0, 0.0)
        ask(watchdog, "a/1", "b/1")
        end(watchdog)
        assert ask(watchdog, "b/1", "a/1") is None


def test_while_the_turn_goes_on_however_late_its_agent_waits():
    watchdog = LoopWatchdog()
    watchdog.turn_began("m1", "a/1", "c", 10.0, 0.0)
    ask(watchdog, "a/1", "b/1", "d")
    watchdog.sweep(100.0)
    assert ask(watchdog, "b/1", "a/1", "d") is not None


def test_an_answer_to_nobody_is_ignored():
    watchdog = LoopWatchdog()
    ask(watchdog, "b/1", "a/1", "c")
    watchdog.answered("a/1", "b/1")
    assert watchdog.is_waiting("b/1")
    assert not watchdog.is_waiting("a/1")


AGENTS = st.integers(0, 5)
EVENTS = st.lists(st.tuples(st.booleans(), AGENTS, AGENTS), max_size=60)


@given(EVENTS)
def test_a_finding_comes_exactly_when_the_asked_agent_already_waits_for_the_asker(events):
    waits = Waits()
    open_asks: list[tuple[str, str]] = []
    for asks, asker, asked in events:
        edge = (f"a/{asker}", f"a/{asked}")
        if not asks:
            waits.end(*edge)
            if edge in open_asks:
                open_asks.remove(edge)
            continue
        reached = {edge[1]}
        for _ in range(6):
            reached |= {b for a, b in open_asks if a in reached}
        finding = waits.begin(*edge, 0.0, reentrant=False)
        assert (finding is not None) == (edge[0] in reached)
        open_asks.append(edge)
        if finding is not None:
            steps = zip(finding.agents, (*finding.agents[1:], finding.agents[0]), strict=True)
            assert all(step in open_asks for step in steps)
        assert len(waits) == len(open_asks)
