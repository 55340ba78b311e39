"""What a turn records must fit into the frame that hands it over again."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.letter import weight_of
from stigmergy.actors.board.mail import Mail
from stigmergy.actors.journal.memory import MemoryJournal
from stigmergy.actors.transport.channel import MAX_BYTES, Channel
from tests.actors.board.test_board import DRIVER, HOST, Site, a_letter, done
from tests.actors.kinds import a_kind

SIX_MB = "x" * 6_000_000


def recorded(site: Site, letter: str, *numbers: int) -> list[Any]:
    """The board's answers to steps of 6 MB each."""
    return [site.do((HOST, "step", [letter, [[n, f"s{n}", SIX_MB]]]))[0][1] for n in numbers]


def crash(site: Site) -> list[Any]:
    """The host dies, and another one takes its place."""
    site.do((DRIVER, "lost", [HOST, "killed by a test"]))
    return site.do((DRIVER, "join", ["h", [], 2]))


def frames(said: list[Any]) -> list[Any]:
    """Deliveries, each of which fits into a frame."""
    out = [payload for name, payload in said if name == "deliver"]
    for payload in out:
        Channel("board").put((0, 0, "deliver", payload))
    return out


def test_a_step_that_would_make_a_turn_too_large_is_refused_and_the_turn_can_be_handed_over_again():
    site = Site(a_kind("a"))
    site.send(a_letter("one"))
    assert recorded(site, "one", 0, 1, 2) == [None, None, "Oversized"]
    assert recorded(site, "one", 0, 1) == [None, None]  # a repeat counts once
    (delivery,) = frames(crash(site))
    assert [step[0] for step in delivery[4]] == [0, 1]


def test_a_turn_that_starts_over_has_the_room_of_what_it_forgets():
    site = Site(a_kind("a"))
    site.send(a_letter("one"))
    site.do((HOST, "step", ["one", [[0, "s0", ["HandlerFailed", [SIX_MB]], "failed"]]]))
    assert recorded(site, "one", 1) == [None]
    site.do((HOST, "commit", ["one", "a/1", HOST, 0, "failed", [], [], None, None]))
    assert recorded(site, "one", 0) == [None]


@pytest.fixture
def unbounded(monkeypatch):
    """Turns record what they like, as in journals of before."""
    monkeypatch.setattr(Mail, "weigh", lambda _mail, _turn, steps: [weight_of(step) for step in steps])


def test_a_turn_that_cannot_be_handed_over_is_a_dead_letter_its_asker_is_told_and_others_go_on(unbounded):
    site = Site(a_kind("a"))
    site.send(a_letter("one", mode="ask"), a_letter("two"))
    assert recorded(site, "one", 0, 1, 2) == [None] * 3
    said = crash(site)
    (answer,) = [payload[2] for name, payload in said if name == "reply"]
    assert answer[1] == "error"
    said += site.do()
    assert [delivery[1][0] for delivery in map(list, frames(said))] == ["two"]
    assert site.board.counts()["dead_letters"] == {"too large": 1}
    (death,) = [data for name, data in site.events if name == "dead_letter"]
    assert "recorded steps 18,000,0" in death["detail"]
    assert "return references" in death["detail"]
    site.disk.holder = None
    again = Board(MemoryJournal(site.disk), BoardConfig("run", {}), site.now)
    assert again.counts()["dead_letters"] == {"too large": 1}


def test_a_state_that_a_dead_letter_did_not_take_along_goes_with_the_next_one(unbounded):
    site = Site(a_kind("a"))
    site.send(a_letter("first"))
    site.do(done("first", state=b"s"))
    site.send(a_letter("one"), a_letter("two"))
    recorded(site, "one", 0, 1, 2)
    crash(site)
    said = site.do()
    (delivery,) = frames(said)
    assert delivery[1][0] == "two"
    assert delivery[5] == b"s"


def test_a_message_whose_agent_has_a_state_that_leaves_it_no_room_is_a_dead_letter():
    site = Site(a_kind("a"))
    site.send(a_letter("first"))
    site.do(done("first", state=b"s" * (MAX_BYTES - 1)))
    crash(site)
    assert frames(site.send(a_letter("one"))) == []
    assert site.board.counts()["dead_letters"] == {"too large": 1}
