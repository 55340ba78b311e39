import pytest

from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.actors.watchdog.sightings import Action, Reason
from stigmergy.protocols.codec import pack, unpack
from tests.actors.watchdog import loops
from tests.actors.watchdog.traffic import Traffic

TWO = {"alice/1", "bob/1"}
THREE = {"planner/1", "writer/1", "editor/1"}
CLERK = {"clerk/1", "airline/1"}
EIGHT = {f"desk/{i}" for i in range(8)}

# Scenario, messages by which it must be over, reason, who must be named, what the exchange must show.
LOOPS = [
    (loops.politeness, 25, Reason.PING_PONG, TWO, "alice/1 -Thanks-> bob/1 -Thanks-> alice/1"),
    (loops.politeness_with_a_counter, 25, Reason.PING_PONG, TWO, "bob/1 -Thanks-> alice/1 -Thanks-> bob/1"),
    (loops.politeness_in_other_words, 50, Reason.PING_PONG, TWO, "-Thanks-> alice/1"),
    (loops.politeness_one_phrase_at_a_time, 50, Reason.PING_PONG, TWO, "-Thanks-> alice/1"),
    (loops.politeness_in_chinese, 50, Reason.PING_PONG, TWO, "-Thanks-> alice/1"),
    (loops.three_agents, 50, Reason.CYCLE, THREE, "planner/1 -Handoff-> writer/1"),
    (loops.eight_agents, 50, Reason.CYCLE, EIGHT, "desk/2 -Handoff-> desk/3"),
    (loops.eight_agents_with_a_counter, 50, Reason.CYCLE, EIGHT, "desk/3 -Handoff-> desk/4"),
    (loops.twenty_agents, 100, Reason.HOPS, {"desk/3"}, "-Handoff->"),
    (loops.self_messages, 20, Reason.CYCLE, {"alice/1"}, "alice/1 -Note-> alice/1"),
    (loops.self_messages_with_a_counter, 30, Reason.CYCLE, {"alice/1"}, "alice/1 -Note-> alice/1"),
    (loops.group_chat, 60, Reason.CYCLE, {"agent/0", "agent/1"}, "-Chat-> agent/0"),
    (loops.endless_talk, 950, Reason.NO_PROGRESS, TWO, "alice/1 -Thanks-> bob/1"),
    (loops.storm, 150, Reason.BRANCHING, {"agent/6"}, "generations of 8 -> 16 -> 32 -> 48 messages"),
    (loops.storm_of_two_hundred, 1_000, Reason.BRANCHING, {"agent/34"}, "-Forward->"),
    (loops.storm_with_a_counter, 1_100, Reason.BRANCHING, {"agent/8"}, "-Forward->"),
    (loops.room_where_all_answer_all, 300, Reason.BRANCHING, {"agent/0", "room"}, "-post Opinion-> room"),
    (loops.hop_bomb, 150, Reason.HOPS, {"agent/6"}, "-Parcel->"),
    (loops.hop_bomb_through_new_agents, 1_030, Reason.HOPS, {"agent/1024"}, "the limit is 1024"),
    (
        loops.same_request_again,
        20,
        Reason.REPETITION,
        {"clerk/1", "airline/1"},
        "clerk/1 -ask Search-> airline/1, 10 times",
    ),
    (
        loops.two_requests_in_turns,
        20,
        Reason.REPETITION,
        {"clerk/1", "airline/1"},
        "clerk/1 -ask Search-> airline/1, 10 times",
    ),
    (loops.flood, 61_000, Reason.PAIR_RATE, TWO, "alice/1 -Direct-> bob/1, 501 messages in 1 s, and 60 windows before"),
    (loops.slow_irregular_chatter, 500, Reason.NO_PROGRESS, {"agent/6"}, "200 messages in 120 s"),
]


@pytest.mark.parametrize(
    ("scenario", "most", "reason", "agents", "exchange"), LOOPS, ids=[loop[0].__name__ for loop in LOOPS]
)
def test_a_loop_is_quarantined_in_time_and_its_agents_and_exchange_are_named(scenario, most, reason, agents, exchange):
    traffic = Traffic()
    scenario(traffic)
    at, verdict = traffic.verdicts[-1]
    assert (verdict.action, verdict.reason, verdict.conversation) == (Action.QUARANTINE, reason, "c")
    assert at <= most
    assert agents & set(verdict.agents)
    assert reason in {Reason.HOPS, Reason.BRANCHING, Reason.NO_PROGRESS} or agents <= set(verdict.agents)
    assert exchange in verdict.exchange
    assert verdict.advice
    assert traffic.watchdog.is_quarantined("c")


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("scenario", [loops.politeness_in_other_words, loops.politeness_one_phrase_at_a_time])
def test_politeness_ends_within_fifty_messages_however_the_phrases_fall(scenario, seed):
    traffic = Traffic()
    scenario(traffic, seed=seed)
    assert traffic.halted
    assert traffic.messages <= 50


@pytest.mark.parametrize("scenario", [loops.politeness, loops.politeness_in_other_words, loops.same_request_again])
def test_a_loop_is_warned_of_once_for_each_reason_before_it_is_quarantined(scenario):
    traffic = Traffic()
    scenario(traffic)
    warnings = [verdict.reason for _, verdict in traffic.verdicts[:-1]]
    assert warnings
    assert len(set(warnings)) == len(warnings)
    assert {verdict.action for _, verdict in traffic.verdicts[:-1]} == {Action.WARN}


@pytest.mark.parametrize("circling_warn", range(10, 25))
def test_a_warning_that_falls_together_with_a_quarantine_does_not_put_it_off(circling_warn):
    traffic = Traffic(LoopLimits(circling_warn=circling_warn))
    loops.politeness_with_a_counter(traffic)
    assert traffic.messages == 24


def test_a_flood_is_slowed_at_its_501st_message_in_a_second():
    traffic = Traffic(interval_s=0.001)
    for number in range(600):
        traffic.send("alice/1", "bob/1", "Direct", {"number": number}, after="tick")
    assert [(at, verdict.action, verdict.reason) for at, verdict in traffic.verdicts] == [
        (501, Action.SLOW, Reason.PAIR_RATE)
    ]


def test_a_pair_that_makes_progress_at_full_speed_is_slowed_but_not_quarantined():
    traffic = Traffic(LoopLimits(pair_messages=10, pair_windows=3), interval_s=0.01)
    for number in range(5_000):
        if number % 200 == 0:
            traffic.watchdog.progress("c", traffic.now)
        traffic.send("alice/1", "bob/1", "Direct", {"number": number}, after="tick")
    assert {verdict.action for _, verdict in traffic.verdicts} == {Action.SLOW}


def test_messages_that_are_sent_again_do_not_make_a_flood():
    traffic = Traffic(interval_s=0.001)
    for number in range(400):
        envelope = traffic.send("alice/1", "bob/1", "Direct", {"number": number}, after="tick")
        for _ in range(4):
            traffic.see(envelope)
    assert traffic.verdicts == []


def test_bursts_with_pauses_between_them_are_slowed_but_not_quarantined():
    traffic = Traffic(LoopLimits(pair_messages=10, pair_windows=3), interval_s=0.01)
    for burst in range(20):
        for number in range(12):
            traffic.send("alice/1", "bob/1", "Direct", {"burst": burst, "number": number}, after="tick")
        traffic.now += 5.0
    assert [verdict.action for _, verdict in traffic.verdicts] == [Action.SLOW] * 20


def test_a_loop_beside_healthy_work_in_one_conversation_is_found_all_the_same():
    """The same conversation also has a hundred workers that write facts and chains that find new agents."""
    traffic = Traffic()
    start = traffic.send("user/0", "boss/1", "Job", {})
    polite = healthy = start
    for turn in range(50):
        for worker in range(100):
            part = traffic.send("boss/1", f"worker/{worker}", "Part", {"part": worker, "turn": turn}, after=start)
            traffic.watchdog.progress("c", traffic.now, cause=part.id)
            traffic.send(f"worker/{worker}", "boss/1", "Result", {"part": worker, "turn": turn}, after=part)
        healthy = traffic.send(f"node/{turn}", f"node/{turn + 1}", "Token", {}, after=healthy)
        pair = ("alice/1", "bob/1") if turn % 2 == 0 else ("bob/1", "alice/1")
        polite = traffic.send(*pair, "Thanks", {"text": f"thank you {turn}"}, after=polite)
        if traffic.halted:
            break
    _, verdict = traffic.verdicts[-1]
    assert (verdict.reason, set(verdict.agents)) == (Reason.PING_PONG, TWO)
    assert turn < 30


def test_a_slow_loop_is_found_in_a_swarm_where_ten_thousand_other_messages_pass_between_two_of_its_own():
    traffic = Traffic()
    message = traffic.send("user/0", "alice/1", "Request", {}, conversation="slow")
    for turn in range(30):
        for other in range(10_000 if turn in {10, 20} else 100):
            traffic.send(f"a/{other}", f"b/{other}", "Work", {}, conversation=f"fast-{other % 500}", after="tick")
        pair = ("alice/1", "bob/1") if turn % 2 == 0 else ("bob/1", "alice/1")
        message = traffic.send(*pair, "Thanks", {"turn": turn}, after=message, conversation="slow")
    assert traffic.watchdog.is_quarantined("slow")


def test_a_verdict_can_be_recorded():
    traffic = Traffic()
    loops.politeness(traffic)
    plain = traffic.verdicts[-1][1].to_plain()
    assert unpack(pack(plain)) == plain
    assert plain["action"] == "quarantine"
