"""What the board keeps of what volatile hosts tell it, for the case that they tell all of it once more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.board.outpost import Outpost
from stigmergy.protocols.envelope import Envelope


class Post:
    """An outpost of a swarm that goes by rounds, and what people have heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        outbox = SimpleNamespace(
            tell=lambda _peer, _name, fields: self.heard.append(fields[0]),
            event=lambda _name, data: self.heard.append(data["reason"]),
        )
        machines: Any = SimpleNamespace(round=0, outbox=outbox, record=lambda _kind, _data: None)
        clerk: Any = SimpleNamespace()
        self.outpost = Outpost(machines, clerk)

    def come(self, number: int, *messages: str, host: str = "host-1.1") -> None:
        """A host tells a driver these in a round."""
        for message in messages:
            letter = Envelope(message, "tell", "Note@1", "a/1", "client/main", b"", "talk")
            self.outpost.requests["of a round"](host, 0, [number, "told", list(letter)])

    def judge(self, number: int, reason: str, host: str = "host-1.1") -> None:
        """A host has a verdict in a round."""
        verdict = {"conversation": "talk", "reason": reason, "agents": ["a/1"]}
        self.outpost.requests["of a round"](host, 0, [number, "verdict", verdict])


def test_of_what_a_host_tells_only_its_newest_round_is_known_by_name():
    post = Post()
    for number in range(1_000):
        post.come(number, f"m{number}", f"n{number}")
    (heard,) = post.outpost._heard.values()
    assert len(heard.known) == len(heard.again) == 2


def test_what_happens_once_only_is_told_and_not_kept():
    post = Post()
    letter = Envelope("m", "tell", "Note@1", "client/other", "client/main", b"", "talk")
    for _ in range(2):
        post.outpost.requests["told"]("client/other", 0, list(letter))
    assert post.heard == ["m", "m"]
    assert not post.outpost._heard


def test_what_happens_in_a_round_in_another_order_is_told_once():
    post = Post()
    post.come(1, "a", "b", "c")
    post.outpost.begin_again()
    post.come(1, "c", "a", "b", "news", host="host-1.2")
    assert post.heard == ["a", "b", "c", "news"]


def test_verdicts_that_repeat_before_and_after_many_others_are_told_once_each_and_hide_no_news():
    post = Post()
    for life in (1, 2):
        for number in range(5):
            post.judge(number, "loop", host=f"host-1.{life}")
        for number in range(5, 20_000):
            post.come(number, f"m{number}", host=f"host-1.{life}")
        for _ in range(2):
            post.judge(20_000, "loop", host=f"host-1.{life}")
        post.outpost.begin_again()
    assert post.heard.count("loop") == 7
    assert len(post.heard) == 7 + 20_000 - 5
    post.come(20_001, "news", host="host-1.3")
    assert post.heard[-1] == "news"


NAMES = st.sampled_from(["a", "b", "c"])
LIFE = st.lists(st.lists(NAMES, max_size=4), min_size=1, max_size=8)


@given(lives=st.dictionaries(st.sampled_from(["host-1", "host-2", "client/main"]), LIFE, min_size=1), data=st.data())
def test_however_often_a_life_is_begun_again_and_broken_off_each_thing_is_told_once(lives, data):
    post = Post()
    for epoch in range(data.draw(st.integers(1, 4))):
        post.outpost.begin_again()
        for host, life in lives.items():
            told = [(number, name) for number, names in enumerate(life) for name in names]
            last = data.draw(st.integers(0, len(told)))
            for number, name in told[:last]:
                post.come(number, f"{host} {name}", host=f"{host}.{epoch}")
    post.outpost.begin_again()
    for host, life in lives.items():
        for number, names in enumerate(life):
            post.come(number, *(f"{host} {name}" for name in names), host=f"{host}.9")
    everything = [f"{host} {name}" for host, life in lives.items() for names in life for name in names]
    assert sorted(post.heard) == sorted(everything)
