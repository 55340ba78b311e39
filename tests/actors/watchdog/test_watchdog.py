import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.actors.watchdog.sightings import Action, Reason, Sighting
from stigmergy.actors.watchdog.watchdog import LoopWatchdog
from tests.actors.watchdog import loops, offices
from tests.actors.watchdog.texts import quoted
from tests.actors.watchdog.traffic import Traffic
from tests.depth import depth


def ping_pong(traffic, rounds, between=lambda message: None, conversation="c", message=None):
    """Thanks that count, to and fro; ``between`` is called after each. Returns the last message."""
    for turn in range(rounds):
        pair = ("alice/1", "bob/1") if turn % 2 == 0 else ("bob/1", "alice/1")
        message = traffic.send(*pair, "Thanks", {"turn": traffic.messages}, after=message, conversation=conversation)
        between(message)
        if traffic.halted:
            break
    return message


# Quarantine


def test_of_a_quarantined_conversation_nothing_is_judged_or_remembered():
    traffic = Traffic()
    loops.politeness(traffic)
    before = len(traffic.verdicts)
    traffic.send("alice/1", "bob/1", "Thanks", {})
    assert len(traffic.verdicts) == before
    assert len(traffic.watchdog) == 0


def test_a_quarantine_holds_for_its_conversation_only():
    traffic = Traffic()
    loops.politeness(traffic)
    assert traffic.watchdog.is_quarantined("c")
    assert not traffic.watchdog.is_quarantined("d")


def test_a_quarantine_outlives_the_end_of_its_conversation():
    watchdog = LoopWatchdog()
    watchdog.quarantine("c")
    watchdog.close("c")
    assert watchdog.is_quarantined("c")


def test_quarantines_are_restored_after_a_restart():
    watchdog = LoopWatchdog()
    watchdog.restore(["c", "d"])
    assert [watchdog.is_quarantined(name) for name in "cde"] == [True, True, False]
    assert watchdog.see(Sighting("m", "c", "", "a/1", "b/1", "T@1", 1, 5_000, 0.0)) is None


def test_the_oldest_quarantines_are_forgotten_when_there_are_too_many():
    watchdog = LoopWatchdog(LoopLimits(quarantined=10))
    watchdog.restore(map(str, range(100)))
    assert watchdog.is_quarantined("99")
    assert not watchdog.is_quarantined("0")


# Messages that come again, late or from before a restart


@pytest.mark.parametrize("scenario", [loops.politeness, loops.storm, loops.same_request_again, offices.auction])
def test_a_message_that_is_sent_again_changes_nothing(scenario):
    class Insistent(Traffic):
        """Sends everything twelve times more."""

        def see(self, envelope):
            verdict = super().see(envelope)
            for _ in range(12):
                assert super().see(envelope) is None
                self.messages -= 1
            return verdict

    once, often = Traffic(), Insistent()
    scenario(once)
    scenario(often)
    assert once.verdicts == often.verdicts


def test_a_chain_that_is_met_in_the_middle_is_given_the_benefit_of_the_doubt():
    watchdog = LoopWatchdog()
    for hops in range(900, 1_000):
        sighting = Sighting(f"m{hops}", "c", f"m{hops - 1}", f"a/{hops}", f"a/{hops + 1}", "Token@1", 1, hops, 0.0)
        assert watchdog.see(sighting) is None


def test_all_chains_of_a_conversation_that_is_met_in_the_middle_are_given_it():
    watchdog = LoopWatchdog()
    for ant in range(6):
        sighting = Sighting(f"m{ant}", "c", f"before{ant}", f"ant/{ant}", "tours", "Tour@1", ant, 98 + ant % 2, 0.0)
        assert watchdog.see(sighting) is None


def test_a_request_from_outside_that_claims_many_hops_is_not():
    verdict = LoopWatchdog().see(Sighting("m", "c", "", "a/1", "b/1", "T@1", 1, 65, 0.0))
    assert verdict is not None
    assert (verdict.action, verdict.reason, verdict.count) == (Action.QUARANTINE, Reason.HOPS, 65)


def test_hops_whose_causes_are_not_known_count_from_the_deepest_news():
    watchdog = LoopWatchdog()
    assert watchdog.see(Sighting("m0", "c", "", "a/1", "b/1", "T@1", 0, 0, 0.0)) is None
    assert watchdog.see(Sighting("m1", "c", "m0", "b/1", "c/1", "T@1", 1, 1, 0.0)) is None
    assert watchdog.see(Sighting("m2", "c", "lost", "c/1", "d/1", "T@1", 2, 65, 0.0)) is None
    verdict = watchdog.see(Sighting("m3", "c", "gone", "c/1", "d/1", "T@1", 3, 66, 0.0))
    assert verdict is not None
    assert verdict.reason is Reason.HOPS


# Progress


def test_progress_of_each_turn_keeps_a_loop_of_equal_messages_alive():
    traffic = Traffic()
    ping_pong(traffic, 500, lambda message: traffic.watchdog.progress("c", traffic.now, cause=message.id))
    assert traffic.verdicts == []


def test_progress_that_no_turn_is_thanked_for_excuses_the_whole_conversation():
    traffic = Traffic()
    ping_pong(traffic, 500, lambda message: traffic.watchdog.progress("c", traffic.now))
    assert traffic.verdicts == []


def test_progress_of_another_turn_excuses_nobody():
    traffic = Traffic()
    other = traffic.send("user/0", "carol/1", "Work", {})
    ping_pong(traffic, 500, lambda message: traffic.watchdog.progress("c", traffic.now, cause=other.id))
    assert traffic.verdicts[-1][1].reason is Reason.PING_PONG


def test_progress_elsewhere_excuses_nobody():
    traffic = Traffic()
    ping_pong(traffic, 500, lambda message: traffic.watchdog.progress("d", traffic.now))
    assert traffic.verdicts[-1][1].reason is Reason.PING_PONG


def test_when_progress_ends_the_loop_is_found():
    traffic = Traffic()
    message = ping_pong(traffic, 100, lambda message: traffic.watchdog.progress("c", traffic.now, cause=message.id))
    ping_pong(traffic, 30, message=message)
    assert traffic.halted


def test_a_turn_that_makes_progress_may_repeat_its_question():
    traffic = Traffic()
    start = traffic.send("user/0", "clerk/1", "Request", {})
    for _ in range(50):
        traffic.send("clerk/1", "queue/1", "Next", {}, after=start, mode="ask")
        traffic.watchdog.progress("c", traffic.now, cause=start.id)
    assert traffic.verdicts == []


def test_a_turn_that_tells_a_third_party_something_new_may_go_round():
    traffic = Traffic()
    rng = random.Random(1)

    def report(message):
        found = {"place": [rng.random() for _ in range(4)]}
        traffic.send(message.to, "log/1", "Found", found, after=message)

    ping_pong(traffic, 200, report)
    assert traffic.verdicts == []


def test_a_turn_that_tells_a_third_party_the_round_it_is_in_may_not():
    traffic = Traffic()
    ping_pong(traffic, 200, lambda message: traffic.send(message.to, "log/1", "Log", quoted(message.id), after=message))
    assert traffic.halted


def test_news_ends_a_silence():
    traffic = Traffic()
    loops.slow_irregular_chatter(traffic)
    assert traffic.halted
    lively = Traffic()
    news = 0

    def tell():
        nonlocal news
        news += 1
        lively.send("user/0", "agent/0", "News", {"number": news})

    loops.slow_irregular_chatter(lively, tell)
    assert lively.verdicts == []


# The whole swarm


def test_a_hundred_quarantines_in_a_minute_stop_the_swarm():
    traffic = Traffic(interval_s=0.01)
    for case in range(100):
        traffic.verdicts.clear()
        ping_pong(traffic, 50, conversation=f"case-{case}")
    verdict = traffic.verdicts[-1][1]
    assert (verdict.action, verdict.reason) == (Action.STOP, Reason.PING_PONG)
    assert "100 conversations were quarantined in 2" in verdict.exchange
    assert traffic.watchdog.is_quarantined("case-99")


def test_a_hundred_quarantines_in_an_hour_do_not():
    traffic = Traffic(interval_s=1.0)
    for case in range(200):
        traffic.verdicts.clear()
        ping_pong(traffic, 50, conversation=f"case-{case}")
        assert traffic.verdicts[-1][1].action is Action.QUARANTINE


def babble(traffic, messages):
    """Short loops in many conversations, each of which ends before it is found."""
    for case in range(messages // 8):
        message = traffic.send("alice/1", "bob/1", "Thanks", {}, conversation=f"case-{case}")
        for turn in range(7):
            pair = ("bob/1", "alice/1") if turn % 2 == 0 else ("alice/1", "bob/1")
            message = traffic.send(*pair, "Thanks", {}, after=message, conversation=f"case-{case}")


def test_a_swarm_that_only_echoes_for_a_minute_is_stopped():
    traffic = Traffic(LoopLimits(swarm_echoes=1_000, swarm_share=0.6), interval_s=0.01)
    assert traffic.watchdog.sweep(0.0) == []
    babble(traffic, 6_400)
    (verdict,) = traffic.watchdog.sweep(traffic.now)
    assert (verdict.action, verdict.reason, verdict.conversation) == (Action.STOP, Reason.NO_PROGRESS, "")
    assert verdict.exchange == "4000 of 6400 messages in 64 s told nobody anything new"
    assert traffic.watchdog.sweep(traffic.now + 60) == []


def test_a_swarm_that_echoes_and_gets_somewhere_is_not():
    traffic = Traffic(LoopLimits(swarm_echoes=1_000, swarm_share=0.6), interval_s=0.01)
    traffic.watchdog.sweep(0.0)
    babble(traffic, 6_400)
    traffic.watchdog.progress("case-1", traffic.now)
    assert traffic.watchdog.sweep(traffic.now) == []


# Memory


def test_memory_is_bounded_however_many_conversations_there_are():
    traffic = Traffic(LoopLimits(conversations=100, memory=2_000))
    for number in range(depth(10_000, 30_000)):
        traffic.send(f"a/{number}", f"b/{number}", "Work", {"number": number}, conversation=f"case-{number // 3}")
    # Links, contents and pairs of three messages each, in up to two generations of a hundred conversations.
    assert len(traffic.watchdog) <= 2 * 100 * 3 * 3


def test_memory_is_bounded_however_long_a_conversation_is():
    traffic = Traffic(LoopLimits(memory=2_000))
    for number in range(depth(10_000, 30_000)):
        traffic.send(f"a/{number}", f"b/{number}", "Work", {"number": number}, after=f"tick-{number}")
    # Links, contents, pairs and trees.
    assert len(traffic.watchdog) <= 4 * 2_000


def test_a_closed_conversation_is_forgotten():
    traffic = Traffic()
    traffic.send("alice/1", "bob/1", "Work", {})
    assert len(traffic.watchdog) > 0
    traffic.watchdog.close("c")
    assert len(traffic.watchdog) == 0


# Determinism


MESSAGES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=150
)


@given(MESSAGES)
def test_the_same_messages_get_the_same_verdicts(messages):
    def run():
        traffic = Traffic()
        sent = [traffic.send("user/0", "agent/0", "Start", {})]
        for sender, to, content, back in messages:
            cause = sent[-min(back, len(sent))]
            sent.append(traffic.send(f"agent/{sender}", f"agent/{to}", "Say", quoted("word " * content), after=cause))
        return traffic.verdicts

    assert run() == run()
