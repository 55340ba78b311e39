"""Boards of several shards: what one sends and another gets, and what has to hold for all of them at once."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.board.lookout import PATIENCE_S, SHALLOW
from stigmergy.actors.board.pressure import HOLD_S
from stigmergy.protocols.codec import pack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import Turn, Write
from tests.actors.kinds import Answer, Question, a_kind

from .shards import DRIVER, HOST, OTHER, Shards, letter, reply

KIND = a_kind("a", accepts=(Question, Answer))


@pytest.fixture
def two() -> Shards:
    return Shards(2, KIND)


def told(two: Shards) -> tuple[str, str]:
    """An agent of one shard whose turn runs, and an agent of another."""
    sender, recipient = two.agent(0), two.agent(1)
    two.send("m1", sender)
    return sender, recipient


def turn_of(two: Shards, message: str, agent: str, *sends: Envelope, outcome: Any = "done", **more: Any) -> list[Any]:
    return list(Turn(message, agent, two.holder(message), 0, outcome, sends=sends, **more))


def fail(two: Shards, shard: int, message: str) -> None:
    """A turn that fails for good."""
    turn = turn_of(two, message, two.agent(shard), outcome="failed", retry=False)
    two.ask(shard, "commit", turn, two.holder(message))


# -- messages ----------------------------------------------------------------------------------------


def test_what_a_turn_sends_to_another_shard_arrives_there_once(two):
    sender, recipient = told(two)
    two.done("m1", sender, sends=(letter("m2", recipient, sender=sender),))
    assert len(two.delivered("m2")) == 1
    assert two.kinds(1).count("mail.accept") == 1


@pytest.mark.parametrize("dies", [0, 1])
def test_a_message_survives_the_death_of_either_end_between_its_two_commits(two, dies):
    sender, recipient = told(two)
    board = two.estate.boards[0]
    two.say(0, two.holder("m1"), "commit", turn_of(two, "m1", sender, letter("m2", recipient, sender=sender)))
    board.commit(two.now)  # the words to the other shard are lost
    two.reopen(dies)
    assert len(two.delivered("m2")) == 1
    two.reopen(dies)
    assert two.kinds(1).count("mail.accept") == 1


def test_an_answer_from_another_shard_reaches_the_turn_that_asked(two):
    asker, asked = told(two)
    two.asked("m1", asker, asked)
    two.done("ask", asked, sends=(reply("ask", asked, asker),))
    (answer,) = two.replies("ask")
    assert answer.sender == asked
    assert two.done("m1", asker) is None


def test_a_recorded_answer_from_another_shard_is_there_when_the_turn_runs_again(two):
    asker, asked = told(two)
    two.asked("m1", asker, asked)
    two.done("ask", asked, sends=(reply("ask", asked, asker),))
    two.reopen(0)
    (step,) = two.delivered("m1")[-1][1].steps
    assert (step.number, step.key, step.result[0]) == (0, "ask", "re:ask")


def test_an_ask_that_nobody_answers_in_time_fails_at_its_asker_and_only_once(two):
    asker, asked = told(two)
    two.asked("m1", asker, asked, "slow")
    envelope = letter("late", two.agent(1, number=1), "ask", sender=asker, cause="m1", deadline=two.now + 5)
    two.ask(0, "send", [list(envelope), [1, "ask"], []], two.holder("m1"))
    two.tick(6)
    two.done("late", two.agent(1, number=1), sends=(reply("late", asked, asker),))
    assert [(answer.mode, answer.type) for answer in two.replies("late")] == [("error", "DeadlineExceeded")]


@pytest.mark.parametrize("ahead_s", [3_600.0, -3_600.0])
def test_an_ask_of_another_shard_has_its_time_though_the_clocks_of_both_differ(two, ahead_s):
    boards = two.estate.boards
    two.now += 7_200.0
    boards[0].tick(two.now)
    boards[1].machines.now, clock = two.now + ahead_s, two.now
    two.now = min(two.now, two.now + ahead_s)  # each stays at its own time: none goes back
    asker, asked = told(two)
    envelope = letter("ask", asked, "ask", sender=asker, cause="m1")
    two.ask(0, "send", [list(envelope), [0, "ask"], [], 5.0], two.holder("m1"))
    assert boards[0].now == clock
    assert boards[1].machines.mail.letters["ask"].envelope.deadline == boards[1].now + 5.0


def test_a_post_reaches_followers_on_every_shard_in_its_order_and_under_names_of_their_own(two):
    topic, here, there = two.name(1, "topics"), two.agent(0), two.agent(1)
    for follower in (here, there):
        two.ask(1, "act", ["topics.subscribe", {"topic": topic}, follower, f"{follower}:0", ""], HOST)
    poster = two.agent(0, number=1)
    two.send("m1", poster)
    posts = [[number, "Question@1", pack({"text": str(number)})] for number in (1, 2)]
    series = Series(topic, poster, "talk", "m1", "", 1, (), posts)
    two.done("m1", poster, sends=(series,))
    copies = [row[1] for post in series.envelopes() for n in range(2) for row in two.delivered(f"{post.id}.{n}")]
    assert sorted(copy.agent for copy in copies) == sorted([here, here, there, there])
    order = [out.payload[1].body for out in two.told if out.name == "deliver" and out.payload[0] == here]
    assert order == [body for _, _, body in posts]


def test_a_pool_is_one_line_wherever_its_messages_come_from():
    two = Shards(2, a_kind("a", accepts=(Question,)), a_kind("p", accepts=(Question,), pool=1))
    sender, other = two.agent(0), two.agent(1)
    for number, agent in enumerate((sender, other)):
        two.send(f"m{number}", agent)
        two.done(f"m{number}", agent, sends=(letter(f"s{number}", "p", sender=agent),))
    assert [len(two.delivered(f"s{number}")) for number in range(2)] == [1, 0]  # one at a time
    two.done("s0", "p/pool.1")
    assert len(two.delivered("s1")) == 1


# -- the blackboard ----------------------------------------------------------------------------------


def test_a_write_for_another_shard_is_made_when_its_turn_commits_and_its_answer_comes_after_it(two):
    agent, key = two.agent(0), two.name(1, "facts")
    two.send("m1", agent, "ask")
    write = Write("facts", "facts.put", {"key": key, "value": 7})
    turn = turn_of(two, "m1", agent, reply("m1", agent, DRIVER), writes=(write,))
    two.say(0, two.holder("m1"), "commit", turn)
    frames, _ = two.estate.boards[0].commit(two.now)
    assert [frame.name for frame in frames] == ["parcel"]  # the answer waits
    two.estate.boards[1].handle("board-0.1", 0, "parcel", frames[0].payload, two.now)
    assert two.ask(1, "look", ["facts.get", {"key": key}])[0] == 7
    assert len(two.replies("m1")) == 1


def test_a_turn_that_writes_what_nobody_takes_fails_wherever_that_belongs(two):
    agent, key = two.agent(0), two.name(1, "facts")
    two.send("m1", agent)
    write = Write("facts", "facts.put", {"key": "x" * 10_000, "value": 7})
    said = two.done("m1", agent, writes=(write, Write("facts", "facts.put", {"key": key, "value": 1})))
    assert said[0] == "again"
    assert two.ask(1, "look", ["facts.get", {"key": key}]) is None


def test_what_a_turn_did_at_once_on_another_shard_is_done_once_and_then_forgotten(two):
    agent, key = two.agent(0), two.name(1, "facts")
    two.send("m1", agent)
    act = ["facts.put", {"key": key, "value": 1, "expect": None}, agent, "m1:0", "talk"]
    assert two.ask(1, "act", act, HOST)[0] == two.ask(1, "act", act, HOST)[0] == 1
    two.done("m1", agent, acted=(1,))
    assert two.kinds(1).count("facts.write") == 1
    assert two.kinds(1).count("facts.forget") == 1


def test_a_turn_that_was_lost_on_its_way_is_forgotten_everywhere(two):
    agent, key = two.agent(0), two.name(1, "facts")
    two.send("m1", agent)
    two.ask(1, "act", ["facts.put", {"key": key, "value": 1, "expect": None}, agent, "m1:0", "talk"], HOST)
    two.reopen(0)
    two.done("m1", agent)
    assert two.kinds(1).count("facts.forget") == 1


# -- hosts -------------------------------------------------------------------------------------------


def test_what_a_dead_host_had_goes_out_again_only_when_it_is_dead_everywhere(two):
    agent = two.agent(0)
    two.send("m1", agent)
    first = two.holder("m1")
    board = two.estate.boards[0]
    board.tenants.lost(first, "by a test")
    assert [frame.name for frame in board.commit(two.now)[0]] == ["parcel"]
    assert [frame.name for frame in board.commit(two.now)[0]] == []
    two.estate.boards[1].handle("board-0.1", 0, "parcel", [1, "lost", [first, "by a test"], two.now], two.now)
    two.settle()
    assert first not in two.estate.boards[1].machines.incarnations.values()
    assert two.holder("m1") == ({HOST, OTHER} - {first}).pop()


def test_hosts_that_are_ended_because_another_shard_is_gone_have_failed_no_letter(two):
    agent = two.agent(1)
    two.send("m1", agent)
    two.reopen(0)
    assert [delivery.attempt for _, delivery in two.delivered("m1")] == [1, 1]


# -- pressure, stops, verdicts, dead letters ---------------------------------------------------------


def test_a_sender_waits_for_room_on_another_shard():
    two = Shards(2, a_kind("a", accepts=(Question,), mailbox=2))
    senders, recipient = [two.agent(0, number=n) for n in range(4)], two.agent(1)
    for number, sender in enumerate(senders):
        two.send(f"m{number}", sender)
    for number, sender in enumerate(senders[:3]):
        two.done(f"m{number}", sender, sends=(letter(f"s{number}", recipient, sender=sender),))
    waits = two.say(
        0, two.holder("m3"), "commit", turn_of(two, "m3", senders[3], letter("s3", recipient, sender=senders[3]))
    )
    assert waits not in [out.ticket for out in two.settle()]
    assert len(two.delivered("s3")) == 1  # nothing is refused
    for number in range(4):
        two.done(f"s{number}", recipient)
    assert waits in [out.ticket for out in two.told] or waits in [out.ticket for out in two.tick(HOLD_S)]


def test_a_stop_reaches_every_shard_and_ends_for_all_when_a_driver_comes_back(two):
    two.ask(0, "stop", ["user", "enough"])
    assert two.send("m1", two.agent(1)) == "SwarmStopped"
    two.reopen(1)
    assert two.send("m1", two.agent(1)) == "SwarmStopped"
    for shard in (0, 1):
        two.ask(shard, "resume", None)
    assert two.send("m1", two.agent(1)) is None


def test_a_conversation_that_one_shard_quarantines_is_refused_by_all(two):
    agent = two.agent(1)
    two.send("m0", agent)
    same = letter("same", two.agent(1, number=1), sender=agent, cause="m0")
    two.done("m0", agent, sends=tuple(same._replace(id=f"s{number}") for number in range(12)))
    (verdict,) = [data for name, data in two.events if name == "verdict" and data["action"] == "quarantine"]
    assert verdict["reason"] == "repetition"
    two.send("later", two.agent(0))
    reasons = [data["reason"] for name, data in two.events if name == "dead_letter"]
    assert "quarantined" in reasons
    assert not two.delivered("later")


def test_a_ping_pong_over_two_shards_is_seen_by_the_lead():
    three = Shards(3, KIND)
    one, other = three.agent(1), three.agent(2)
    three.send("m0", one)
    message, here, there = "m0", one, other
    for hop in range(1, 60):
        sends = (
            letter(f"m{hop}", there, sender=here, cause=message, hops=hop)._replace(body=b"\x81\xa4text\xa6thanks"),
        )
        three.done(message, here, sends=sends)
        message, here, there = f"m{hop}", there, here
        if any(data["action"] == "quarantine" for name, data in three.events if name == "verdict"):
            break
    assert SHALLOW < hop <= 50
    assert [shard for shard in range(3) if "watch.verdict" in three.kinds(shard)] == [0]


def test_a_deadlock_over_two_shards_is_one_when_it_lasts(two):
    one, other = two.agent(0), two.agent(1)
    for name, agent in (("m1", one), ("m2", other)):
        two.send(name, agent, conversation=name)
    two.asked("m1", one, other, "ask1")
    two.asked("m2", other, one, "ask2")
    assert not [data for name, data in two.events if name == "verdict"]
    two.tick(PATIENCE_S + 0.1)
    (verdict,) = [data for name, data in two.events if name == "verdict"]
    assert (verdict["reason"], verdict["action"]) == ("deadlock", "quarantine")


def test_an_ask_back_that_was_answered_is_no_deadlock(two):
    one, other = two.agent(0), two.agent(1)
    two.send("m1", one)
    two.asked("m1", one, other, "ask1")
    two.done("ask1", other, sends=(reply("ask1", other, one),))
    two.done("m1", one)
    two.send("m2", other)
    two.asked("m2", other, one, "ask2")
    two.tick(PATIENCE_S + 0.1)
    assert not [data for name, data in two.events if name == "verdict"]


def test_dead_letters_of_all_shards_are_on_the_leads_topic_and_each_counts_once(two):
    for shard in (0, 1):
        two.send(f"m{shard}", two.agent(shard))
        two.ask(
            shard,
            "commit",
            turn_of(two, f"m{shard}", two.agent(shard), outcome="failed", retry=False),
            two.holder(f"m{shard}"),
        )
    posts = two.ask(0, "look", ["topics.read", {"topic": "dead-letters"}])
    assert [post[1] for post in posts] == ["dead:m0", "dead:m1"]
    assert [two.ask(shard, "counts", None)["dead_letters"] for shard in (0, 1)] == [{"handler failed": 1}] * 2


def test_a_dead_letter_is_put_back_by_the_shard_where_it_died(two):
    two.send("m1", two.agent(1))
    fail(two, 1, "m1")
    assert two.ask(0, "put back", ["all"]) == {}
    assert two.ask(1, "put back", ["all"]) == {"m1": ""}
    assert two.ask(1, "put back", ["all"]) == {"m1": "it was put back before"}


# -- money -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dies", [None, 0, 1, 2])
def test_shards_send_as_many_messages_as_the_swarm_may_and_not_one_more(dies):
    three = Shards(3, KIND, messages=40)
    sent = 0
    for number in range(60):
        agent = three.agent(number % 3, number=number // 3)
        sent += three.send(f"m{number}", agent) is None and bool(three.delivered(f"m{number}"))
        if dies is not None and number in {7, 25, 37}:
            three.reopen(dies)
    assert sent == 40
    assert three.spent() == 40
    assert [name for name, _ in three.events].count("stopped") >= 1


@pytest.mark.parametrize("spender", [0, 2])
def test_what_a_shard_holds_and_does_not_use_is_called_in_before_anything_is_refused(spender):
    three = Shards(3, KIND, messages=300)
    three.send("m0", three.agent(1))  # that shard is given some
    for number in range(1, 300):
        assert three.send(f"m{number}", three.agent(spender, number=number % 7)) is None, number
    assert three.spent() == 300
    assert "stopped" not in [name for name, _ in three.events]


def test_a_swarm_that_uses_exactly_what_it_may_is_not_stopped():
    two = Shards(2, KIND, messages=250)
    for number in range(250):
        two.send(f"m{number}", two.agent(1, number=number % 7))
    two.tick(1)
    assert two.spent() == 250
    assert "stopped" not in [name for name, _ in two.events]


def test_a_kind_that_may_send_no_more_fails_its_turns_and_nobody_elses():
    two = Shards(2, KIND, a_kind("b", accepts=(Question,)))
    two.ask(0, "ledger", ["open", "swarm/kind:b", {"messages": 1}])
    said = []
    for number in range(2):
        agent = two.agent(1, "b", number)
        two.send(f"m{number}", agent)
        said.append(two.done(f"m{number}", agent, sends=(letter(f"s{number}", two.agent(0), sender=agent),)))
    assert said == [None, ["buried"]]
    assert len(two.delivered("s0")) == 1
    assert two.send("m3", two.agent(1)) is None


def test_what_a_shard_was_given_counts_against_the_ceiling_until_it_has_told():
    two = Shards(2, KIND, messages=100_000)
    two.send("m1", two.agent(1))
    at = two.ask(0, "ledger", ["position", "swarm"])
    assert at["reserved"]["messages"] == 1_000
    assert two.spent() == 1
    assert "reserved" not in str(two.ask(0, "ledger", ["position", "swarm"])["reserved"])


def test_an_account_that_was_refused_beside_another_asks_again_when_it_may_have_more():
    two, agent = Shards(2, KIND), ""
    for kind in "bc":
        two.ask(0, "ledger", ["open", f"swarm/kind:{kind}", {"messages": 0}])
    said = []
    for number, payers in enumerate(("bc", "c")):
        agent = two.agent(1, number=number)
        two.send(f"m{number}", agent)
        pays = [(payer, {"sender": agent, "account": f"swarm/kind:{payer}"}) for payer in payers]
        sends = tuple(letter(f"{payer}{number}", two.agent(0), **more) for payer, more in pays)
        said.append(two.done(f"m{number}", agent, sends=sends))
        two.ask(0, "ledger", ["open", "swarm/kind:c", {"messages": 10}])
    assert said == [["buried"], None]


def test_messages_that_were_set_aside_for_a_shard_are_no_calls_whose_cost_nobody_knows():
    two = Shards(2, KIND, messages=100_000)
    two.send("m1", two.agent(1))
    two.reopen(0)
    counts = two.ask(0, "counts", None)
    assert (counts["reserved"], counts["forfeited"]) == (0, 0)
    two.ask(0, "ledger", ["reserve", "call", "swarm/kind:a", {"tokens": 5}, 60.0])
    assert two.ask(0, "counts", None)["reserved"] == 1
    two.reopen(0)
    assert two.ask(0, "counts", None)["forfeited"] == 1
