"""Who may record something of a turn: the host that has it, as long as it has it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actors.board.test_board import DRIVER, HOST, Site, a_letter, asked, done
from tests.actors.kinds import a_kind

OTHER = "g.1"
STEP = ("step", ["one", [[0, "run:x", "found"]]])


@pytest.fixture(name="site")
def _site() -> Site:
    site = Site(a_kind("a"))
    site.send(a_letter("one"))
    site.do((DRIVER, "join", ["g", [], 1]))
    return site


def said(site: Site, host: str, request: tuple[str, Any]) -> list[Any]:
    return [payload for name, payload in site.do((host, *request)) if isinstance(name, int)]


def test_a_host_that_has_a_turn_records_its_steps(site):
    assert said(site, HOST, STEP) == [None]
    assert list(site.board.machines.mail.letters["one"].steps) == [0]


def test_a_host_that_has_not_got_it_records_nothing(site):
    _, name, payload = asked(a_letter("two", "a/2", "ask", "a/1", cause="one"))
    assert said(site, OTHER, STEP) == said(site, OTHER, (name, payload)) == ["Fenced"]
    assert list(site.board.machines.mail.letters) == ["one"]
    assert not site.board.machines.mail.letters["one"].steps


def test_only_the_host_that_has_a_turn_says_that_it_goes_another_way(site):
    said(site, HOST, STEP)
    assert said(site, OTHER, ("leave", ["one", 0])) == ["Fenced"]
    assert list(site.board.machines.mail.letters["one"].steps) == [0]
    assert said(site, HOST, ("leave", ["one", 0])) == [None]
    assert not site.board.machines.mail.letters["one"].steps


def test_nobody_records_anything_of_a_turn_that_is_over(site):
    site.do(done("one"))
    before = site.board.counts()["seq"]
    assert said(site, HOST, STEP) == ["Fenced"]
    assert site.board.counts()["seq"] == before
