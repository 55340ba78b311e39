"""What the board keeps of what volatile hosts tell it, for the case that they tell all of it once more."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from stigmergy.actors.board import outpost as module
from stigmergy.actors.board.outpost import Outpost
from stigmergy.protocols.envelope import Envelope


class Post:
    """An outpost of a swarm that goes by rounds, and what its drivers have heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        outbox = SimpleNamespace(tell=lambda _peer, _name, fields: self.heard.append(fields[0]))
        machines: Any = SimpleNamespace(round=0, outbox=outbox)
        clerk: Any = SimpleNamespace()
        self.outpost = Outpost(machines, clerk)

    def come(self, *messages: str) -> None:
        """A host tells a driver these."""
        for message in messages:
            letter = Envelope(message, "tell", "Note@1", "a/1", "client/main", b"", "talk")
            self.outpost.requests["told"]("host-1.1", 0, list(letter))


@pytest.fixture
def post(monkeypatch):
    monkeypatch.setattr(module, "NEWEST", 10)
    return Post()


def names(*numbers):
    return [f"m{number}" for number in numbers]


def test_what_hosts_tell_is_known_by_name_for_a_while_only(post):
    post.come(*names(*range(1_000)))
    assert len(post.outpost._known) == len(post.outpost._again) == 10


def test_what_comes_once_more_is_told_once_however_much_it_is_and_then_there_are_news(post):
    post.come(*names(*range(100)), "m95")
    for _ in range(3):
        post.outpost.begin_again()
        post.come(*names(*range(100)), "m95")
        post.outpost.caught_up()
    post.come("news", "m95")
    assert post.heard == [*names(*range(100)), "m95", "news", "m95"]


def test_the_same_in_another_order_is_told_once(post):
    post.come(*names(*range(100)))
    post.outpost.begin_again()
    again = names(*range(100))
    random.Random(1).shuffle(again)
    post.come(*again, "news")
    assert post.heard == [*names(*range(100)), "news"]


def test_what_does_not_come_again_hides_no_news(post):
    post.come(*names(*range(100)))
    post.outpost.begin_again()
    post.come(*names(*range(50)))
    post.outpost.caught_up()
    post.come("news")
    assert post.heard[-1] == "news"
