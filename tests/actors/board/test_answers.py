"""Answers to what a turn asked: one that the turn does not wait for any more sends it down no other road."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.journal.memory import MemoryJournal
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.turn import AGAIN, CANCELLED, Turn
from tests.actors.board.test_board import HOST, Site, a_letter, answers, asked, delivered, done
from tests.actors.kinds import a_kind


@pytest.fixture
def site() -> Site:
    """A turn of a/1 that has asked a/2."""
    site = Site(a_kind("a"))
    site.send(a_letter("m1"))
    assert delivered(site.do(asked(question("q1")))) == ["q1"]
    return site


def question(name: str) -> Envelope:
    return a_letter(name, "a/2", "ask", sender="a/1", cause="m1")


def answer(ask: str) -> tuple[str, str, Any]:
    """The turn that was asked commits, with its answer."""
    reply = a_letter("r-" + ask, "a/1", "reply", sender="a/2", reply_to=ask, cause=ask)
    return done(ask, "a/2", sends=(reply,))


def steps(site: Site) -> list[dict[int, Any]]:
    """What is recorded of the turn that asked, here and in a replay."""
    site.disk.crash()
    replayed = Board(MemoryJournal(site.disk), BoardConfig("run", {}), site.now)
    return [board.machines.mail.letters["m1"].steps for board in (site.board, replayed)]


def dead(site: Site) -> list[str]:
    (posts,) = answers(site.do((HOST, "look", ["topics.read", {"topic": "dead-letters"}])))
    return [post[1] for post in posts]


def test_an_answer_to_what_a_turn_asked_before_it_began_anew_is_late(site: Site):
    ((again, *_),) = answers(site.do((HOST, "commit", list(Turn("m1", "a/1", HOST, 0, "failed")))))
    assert again == AGAIN
    out = site.do(answer("q1"))
    assert "reply" not in [name for name, _ in out]
    assert len(dead(site)) == 1
    assert steps(site) == [{}, {}]


def test_an_answer_to_an_ask_that_its_turn_has_given_up_changes_nothing(site: Site):
    site.do((HOST, "step", ["m1", [[0, "ask", None, CANCELLED]]]))
    site.do(answer("q1"))
    assert [recorded[0].outcome for recorded in steps(site)] == [CANCELLED, CANCELLED]


def test_a_turn_that_asks_something_else_at_the_same_step_is_not_told_the_answer_of_before(site: Site):
    site.do(answer("q1"))
    assert [name for name, _ in site.do(asked(question("q1")))].count("reply") == 1  # the same is told again
    out = site.do((HOST, "send", [list(question("q2")), [0, "another"], []]))
    assert delivered(out) == ["q2"]
    assert "reply" not in [name for name, _ in out]
