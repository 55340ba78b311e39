"""A person's decision counts once, also when the board dies before it has said so."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.protocols.turn import INTENDED, Step

from .test_reopening import Site, ask

HOST_LOST = "killed by a test"


@pytest.fixture
def site() -> Site:
    """One turn waits for a person."""
    site = Site()
    site.begin()
    site.send(ask(site))
    deed = {"tool": "pay", "arguments": {}, "key": "k", "marks": [], "effect": "irreversible"}
    site.do("step", ["m1", [list(Step(0, "tool:pay", deed, INTENDED))]], "h.1")
    site.do("lost", ["h.1", HOST_LOST])
    assert [case["id"] for case in decided(site, "cases")] == ["m1"]
    return site


def decided(site: Site, name: str, payload: Any = None) -> Any:
    (answer,) = [answer for _, kind, answer in site.do(name, payload) if kind in {"", "refused"}]
    return answer


@pytest.mark.parametrize("verdict", ["do", "happened", "refuse", "give-up"])
def test_a_decision_that_is_repeated_to_a_successor_is_answered_like_the_first(site, verdict):
    decision = ["m1", verdict, None, "me", "a word"]
    assert decided(site, "decide", decision) is None
    site.die()
    site.begin()
    assert decided(site, "decide", decision) is None
    assert "decided already" in str(decided(site, "decide", ["m1", verdict, None, "me", "another word"]))


def test_a_decision_that_was_refused_is_not_remembered(site):
    assert "no decision" in str(decided(site, "decide", ["m1", "perhaps", None, "me", "a word"]))
    site.die()
    site.begin()
    assert decided(site, "decide", ["m1", "do", None, "me", "a word"]) is None


def test_words_of_decisions_change_nothing_of_what_a_run_is_known_by(site):
    before = site.board.counts()["digest"]
    site.board.machines.record("swarm.decided", {"word": "a word"})
    site.board.commit(site.now)
    assert site.board.counts()["digest"] == before
