"""Mail: what is accepted stays until its turn is done or it is dead, and a replay knows the same."""

from __future__ import annotations

import copy
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.board import letter as letters
from stigmergy.actors.board.mail import Mail
from stigmergy.actors.transport.channel import MAX_BYTES
from stigmergy.protocols.codec import pack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import Oversized
from stigmergy.protocols.turn import Step


def letter(number, to="a/1", **more):
    return Envelope(f"m{number}", more.pop("mode", "tell"), "T@1", "c/1", to, b"", "talk", **more)


def mail_and_entries():
    entries = []
    return Mail(lambda kind, data: entries.append((kind, copy.deepcopy(data)))), entries


def state(mail):
    return {name: value for name, value in vars(mail).items() if name != "_record"}


def vars_of(kept):
    """All that a letter holds."""
    return {name: getattr(kept, name) for name in kept.__slots__}


def test_a_repeat_is_accepted_once():
    mail, _ = mail_and_entries()
    assert mail.accept(letter(1), "", 0.0)
    assert not mail.accept(letter(1), "", 0.0)


def test_a_step_is_packed_once_to_see_whether_there_is_room_and_to_keep_it(monkeypatch):
    packed = []

    def counting(result):
        packed.append(result)
        return pack(result)

    monkeypatch.setattr(letters, "pack", counting)
    mail, _ = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    for number in range(3):
        steps = [Step(number, "s", [number] * 10), Step(number + 10, "s", None)]
        for step, weight in zip(steps, mail.weigh("m1", steps), strict=True):
            mail.step("m1", step, weight)
    another = Step(2, "s", "another")
    mail.step("m1", another, *mail.weigh("m1", [another]))
    kept = mail.letters["m1"]
    assert kept.weight == sum(len(pack(step.result)) for step in kept.steps.values()) == 11 + 11 + 8 + 3
    assert packed == [[0] * 10, None, [1] * 10, None, [2] * 10, None, "another"]


def test_a_step_for_which_there_is_no_room_changes_nothing_about_its_letter():
    mail, _ = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    mail.step("m1", Step(0, "s", "some"))
    kept = mail.letters["m1"]
    before, result = copy.deepcopy(vars_of(kept)), "x" * MAX_BYTES
    held = sys.getrefcount(result)
    with pytest.raises(Oversized):
        mail.weigh("m1", [Step(0, "s", result)])
    assert vars_of(kept) == before
    assert sys.getrefcount(result) == held


def test_what_lies_where_a_turn_leaves_its_road_and_behind_is_forgotten_and_weighs_nothing():
    mail, _ = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    mail.attempt("m1", "a/1", "host-1")
    for number in (2, 0, 1, 3):
        mail.step("m1", Step(number, "s", "x" * number))
    mail.leave("m1", 2)
    assert list(mail.letters["m1"].steps) == [0, 1]
    assert mail.letters["m1"].weight == len(pack("")) + len(pack("x"))


def test_what_a_failed_step_has_recorded_is_forgotten_with_it_and_weighs_nothing():
    mail, _ = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    mail.attempt("m1", "a/1", "host-1")
    mail.step("m1", Step(0, "s", "kept"))
    mail.step("m1", Step(1, "s", "x" * 1_000, "failed"))
    mail.again("m1", "it failed")
    assert mail.letters["m1"].weight == len(pack("kept"))
    mail.step("m1", Step(1, "s", "y"))
    assert mail.letters["m1"].weight == len(pack("kept")) + len(pack("y"))


def test_what_cannot_come_again_is_not_remembered():
    mail, _ = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    mail.accept(letter(2)._replace(mode="ask", cause="m1"), "", 0.0, (0, "key"))
    mail.accept(letter(3), "", 0.0, once=True)
    for message in ("m2", "m3"):
        mail.attempt(message, "a/1", "h.1")
        mail.done(message, None)
    assert mail.is_known("m2")  # the turn that asked may start over, and ask again
    mail.attempt("m1", "a/1", "h.1")
    mail.done("m1", None)
    assert [mail.is_known(message) for message in ("m1", "m2", "m3")] == [False, False, True]


def test_what_a_dead_host_had_comes_back_first_and_in_order():
    mail, _ = mail_and_entries()
    for number in range(4):
        mail.accept(letter(number), "", 0.0)
    mail.attempt("m0", "a/1", "h.1")
    mail.attempt("m1", "a/1", "h.1")
    assert mail.lost("h.1") == ["m0", "m1"]
    assert list(mail.boxes["a/1"]) == ["m0", "m1", "m2", "m3"]
    assert [mail.letters[m].suspect for m in ("m0", "m1", "m2")] == [True, True, False]
    assert mail.letters["m0"].attempts == 1


def test_a_held_letter_that_is_given_up_leaves_its_agent_free():
    mail, entries = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    mail.attempt("m1", "a/1", "h.1")
    mail.hold("m1", 0.0, blocks=True)  # at the very beginning of time, which is no other than later ones
    assert (list(mail.held), mail.blocked) == (["m1"], {"a/1": "m1"})
    mail.dead("m1", "ambiguous effect", "given up")
    again, _ = mail_and_entries()
    for kind, data in entries:
        again.apply(kind, data)
    for one in (mail, again):
        assert (one.letters, one.held, one.blocked, one.flying) == ({}, {}, {}, {})


def test_an_answer_is_kept_with_the_turn_that_asked():
    mail, _ = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    mail.attempt("m1", "a/1", "h.1")
    mail.accept(letter(2, to="b/1", mode="ask", cause="m1"), "", 0.0, (0, "ask:b/1:T@1"))
    reply = letter(3, to="a/1", mode="reply", reply_to="m2")
    assert mail.reply(reply) == "m1"
    assert mail.letters["m1"].steps[0] == Step(0, "ask:b/1:T@1", reply.to_wire())
    assert mail.reply(reply) is None  # nobody waits any more


@pytest.mark.parametrize(
    ("key", "result", "outcome", "left"),
    [
        ("run:x", ["StepFailed", ["x"]], "failed", None),
        ("act:facts.put:0", ["Conflict", ["x"]], "failed", None),
        ("act:facts.put:0", None, "cancelled", "tried"),
        ("tool:book:0", ["ToolFailed", ["x"]], "failed", None),
        ("tool:book:0", ["ToolTimeout", ["x"]], "failed", "tried"),
        ("tool:book:0", ["StepFailed", ["x"]], "failed", "tried"),
        ("tool:book:0", None, "cancelled", "tried"),
        ("read:rate:0", ["ToolTimeout", ["x"]], "failed", None),
        ("act:claims.offer:0", True, "done", "done"),
    ],
)
def test_a_turn_that_starts_over_knows_what_may_have_been_done_though_it_failed(key, result, outcome, left):
    mail, _ = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    mail.attempt("m1", "a/1", "h.1")
    mail.step("m1", Step(0, key, result, outcome))
    mail.again("m1", "it failed", [(1, "act:facts.put:1")])
    kept = mail.letters["m1"]
    assert {number: step.outcome for number, step in kept.steps.items()} == ({0: left} if left else {}) | {1: "tried"}
    assert kept.weight == sum(len(pack(step.result)) for step in kept.steps.values())


def test_a_turn_that_starts_over_keeps_its_answers_but_not_its_errors():
    mail, _ = mail_and_entries()
    mail.accept(letter(1), "", 0.0)
    mail.attempt("m1", "a/1", "h.1")
    for number, mode in ((2, "reply"), (3, "error")):
        mail.accept(letter(number, to="b/1", mode="ask", cause="m1"), "", 0.0, (number, "ask:b/1:T@1"))
        mail.reply(letter(10 + number, mode=mode, reply_to=f"m{number}"))
    mail.again("m1", "it failed")
    assert list(mail.letters["m1"].steps) == [2]
    assert (mail.letters["m1"].attempts, mail.letters["m1"].round) == (2, 1)


VERBS = ["accept", "pool", "fan", "ask", "attempt", "done", "dead", "again", "lost", "step", "leave", "reply", "hold"]
VERBS += ["decide"]
ACTIONS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 5)), max_size=60)


@given(ACTIONS)
def test_the_state_is_the_fold_of_the_entries(actions):
    mail, entries = mail_and_entries()
    for made, (action, n) in enumerate(actions):
        letters = list(mail.letters)
        chosen = letters[n % len(letters)] if letters else None
        held = [m for m in letters if mail.letters[m].host]
        if action == "accept":
            mail.accept(letter(made, to=f"a/{n}"), "", 0.0)
        elif action == "pool":
            mail.accept(letter(made, to="a"), "a", 0.0)
        elif action == "fan":
            mail.fan(letter(made, to="topic", mode="post"), [f"a/{n}", "a"], 0.0)
        elif action == "ask" and held:
            mail.accept(letter(made, to="b/1", mode="ask", cause=held[0]), "", 0.0, (n, "ask:b/1:T@1"))
        elif action == "attempt" and chosen and mail.letters[chosen].waits:
            mail.attempts([(chosen, mail.letters[chosen].agent or f"a/pool.{n}", f"h.{n % 2}")])
        elif action == "done" and held:
            mail.done(held[n % len(held)], bytes([n]) if n else None)
        elif action == "dead" and chosen:
            mail.dead(chosen, "test", "")
        elif action == "again" and held:
            mail.again(held[n % len(held)], "error", [(n, "act:facts.put:0")] if n else [])
        elif action == "lost":
            mail.lost(f"h.{n % 2}")
        elif action == "step" and held:
            mail.step(held[0], Step(n, "run:x", n))
        elif action == "leave" and held:
            mail.leave(held[0], n)
        elif action == "reply" and mail.asks:
            mail.reply(letter(made, mode="reply", reply_to=next(iter(mail.asks))))
        elif action == "hold" and held:
            mail.step(held[0], Step(n, "tool:pay:0", {"effect": "irreversible"}, "intended"))
            mail.hold(held[0], 1.0, blocks=n > 1)
        elif action == "decide" and mail.held:
            message = next(iter(mail.held))
            doubt = mail.letters[message].doubt
            mail.decide(message, Step(doubt.number, doubt.key, n), "somebody")
    replayed, _ = mail_and_entries()
    for kind, data in entries:
        replayed.apply(kind, data)
    assert state(replayed) == state(mail)
    waiting = [m for box in (*mail.boxes.values(), *mail.pools.values()) for m in box]
    flying = [m for box in mail.flying.values() for m in box]
    assert sorted([*waiting, *flying, *mail.held]) == sorted(mail.letters)
    assert set(mail.blocked.values()) <= set(mail.held)
    busy = {mail.letters[message].agent for message in (*waiting, *flying, *mail.held)} - {""}
    assert set(mail.busy()) == {agent for agent in {*busy, *mail.states} if mail.is_busy(agent)} == busy
