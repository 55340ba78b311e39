"""A board that counts who is alive: what makes room, what a crash leaves, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.journal.memory import MemoryDisk, MemoryJournal
from stigmergy.protocols.budget import Budget
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.kind import Resources
from stigmergy.protocols.turn import Delivery, Turn
from tests.actors.kinds import a_kind

DRIVER = "client/main"
TYPE = a_kind("a").accepts[0]


class Site:
    """A board over a disk that outlives it, with one host at a time."""

    def __init__(self, *apart: str, **budget: Any) -> None:
        """``apart`` are the kinds whose agents have a host of their own, which is not there."""
        self.apart = apart
        self.events: list[Any] = []
        self.now = 1_790_000_000.0
        self.disk = MemoryDisk()
        self.lives = self.sent = 0
        self.open(**budget)

    def open(self, **budget: Any) -> None:
        self.board = Board(MemoryJournal(self.disk), BoardConfig("run", {}), self.now)
        self.board.commit(self.now)
        self.lives += 1
        self.do("ledger", ["open", "swarm", Budget(**budget).to_plain()])
        for kind in ("a", "b"):
            resources = Resources(own_process=kind in self.apart)
            self.do("kind", a_kind(kind, pool=2, resources=resources).to_plain())
        self.do("resume")
        self.out = self.do("join", ["h", [], self.lives])

    def crash(self, **budget: Any) -> None:
        self.disk.crash()
        self.open(**budget)

    @property
    def host(self) -> str:
        return f"h.{self.lives}"

    def do(self, name: str, payload: Any = None, peer: str = DRIVER) -> list[Any]:
        self.board.handle(peer, 1, name, unpack(pack(payload)), self.now)
        frames, events = self.board.commit(self.now)
        self.events += events
        return frames

    def send(self, to: str, *, cause: str = "", sender: str = DRIVER, mode: Any = "ask") -> str:
        """What it was refused with, if it was; else nothing."""
        self.sent += 1
        name = f"m{self.sent}"
        envelope = Envelope(name, mode, TYPE, sender, to, b"?", "talk-" + name, cause)
        step = [0, "ask", []] if cause and mode == "ask" else None
        out = self.do("send", [list(envelope), step and step[:2], []], self.host if cause else DRIVER)
        self.out += out
        return next((str(frame.payload) for frame in out if frame.failed), "")

    def delivered(self) -> Iterator[Delivery]:
        return (Delivery.from_wire(unpack(pack(f.payload))) for f in self.out if f.name == "deliver")

    def commit(self, message: str, agent: str, *sends: Envelope) -> None:
        self.out += self.do("commit", list(Turn(message, agent, self.host, 0, "done", sends=sends)), self.host)

    def tell(self, message: str, sender: str, to: str, mode: Any = "tell") -> Envelope:
        return Envelope(f"t-{message}", mode, TYPE, sender, to, b"?", "talk-" + message, message)

    def dead(self) -> dict[str, int]:
        return dict(self.board.counts()["dead_letters"])

    def alive(self) -> dict[str, int]:
        return {name: one.depth for name, one in self.board.machines.treasury.ledger.alive.items()}


def test_nobody_is_counted_without_a_ceiling():
    site = Site()
    site.send("a/1")
    assert site.alive() == {}


def test_a_ceiling_outlives_the_board():
    site = Site(agents=1, depth=1)
    assert not site.send("a/1")
    assert "agents" in site.send("a/2")
    site.crash(agents=1, depth=1)
    assert site.alive() == {"a/1": 1}
    assert "agents" in site.send("a/2")
    site.commit("m1", "a/1")
    assert "agents" in site.send("a/2")  # it is idle, and still there
    site.crash(agents=1, depth=1)
    assert site.alive() == {}
    assert not site.send("a/2")


def test_a_depth_outlives_the_board():
    site = Site(depth=2)
    site.send("a/1")
    site.send("a/2", cause="m1", sender="a/1")
    site.crash(depth=2)
    assert site.alive() == {"a/1": 1, "a/2": 2}
    assert "depth" in site.send("a/3", cause="m2", sender="a/2")
    assert not site.send("a/3", cause="m1", sender="a/1")


@pytest.mark.parametrize("crashes", [False, True])
def test_an_agent_that_is_woken_is_as_deep_as_when_it_came_into_being(crashes):
    site = Site(depth=2)
    site.send("a/1")
    site.send("a/2", cause="m1", sender="a/1")
    site.commit("m2", "a/2")
    site.commit("m1", "a/1")
    site.do("passivate", ["a/1", "a/2"], site.host)
    if crashes:
        site.crash(depth=2)
    assert site.alive() == {}
    site.send("a/2")
    assert site.alive() == {"a/2": 2}
    assert "depth" in site.send("a/3", cause="m3", sender="a/2")


def test_a_pool_that_is_woken_takes_what_it_would_have_taken_before():
    site = Site(depth=1)
    site.send("b")
    site.send("a/1")
    site.commit("m1", "b/pool.1")
    site.do("passivate", ["b/pool.1"], site.host)
    site.commit("m2", "a/1", site.tell("m2", "a/1", "b"))
    assert (site.alive(), site.dead()) == ({"a/1": 1, "b/pool.1": 1}, {})


def test_a_refusal_costs_nothing_and_leaves_nothing():
    site = Site(agents=1, messages=10)
    site.send("a/1")
    assert "agents" in site.send("a/2")
    assert site.board.machines.treasury.ledger.position("swarm").settled.messages == 1
    assert site.dead() == {}


def test_what_a_turn_tells_one_too_many_is_a_dead_letter_that_can_be_put_back_when_there_is_room():
    site = Site(agents=1)
    site.send("a/1")
    site.commit("m1", "a/1", site.tell("m1", "a/1", "a/2"))
    assert site.dead() == {"budget": 1}
    (answer,) = site.do("put back", ["t-m1"])
    assert "1 agent asked for" in answer.payload["t-m1"]
    site.do("passivate", ["a/1"], site.host)
    assert site.alive() == {}
    (answer,) = [frame for frame in site.do("put back", ["t-m1"]) if not frame.name]
    assert answer.payload == {"t-m1": ""}
    assert site.alive() == {"a/2": 1}


def test_a_post_reaches_the_followers_for_whom_there_is_room():
    site = Site(agents=2)
    topics = site.board.machines.space.topics
    for follower in ("a/1", "a/2", "a/3"):
        topics.subscribe("news", follower, "agents")
    assert not site.send("news", mode="post")
    assert [delivery.agent for delivery in site.delivered()] == ["a/1", "a/2"]
    assert site.dead() == {"budget": 1}
    assert site.alive() == {"a/1": 1, "a/2": 1}


def test_an_agent_whose_only_message_died_before_a_host_had_it_is_not_alive():
    site = Site(agents=1)
    site.do("lost", [site.host, "a test"])
    late = Envelope("late", "ask", TYPE, DRIVER, "a/1", b"?", "talk", deadline=site.now + 1)
    site.do("send", [list(late), None, []])
    assert site.alive() == {"a/1": 1}
    site.now += 2
    site.board.tick(site.now)
    site.board.commit(site.now)
    assert site.alive() == {}


def test_a_pool_keeps_the_depth_of_who_asked_though_that_one_is_gone():
    site = Site(depth=2)
    site.send("a/1")
    site.send("a/2", cause="m1", sender="a/1")
    site.board.machines.dispatcher.paused = True
    site.commit("m2", "a/2", site.tell("m2", "a/2", "b"))
    site.commit("m1", "a/1", site.tell("m1", "a/1", "b"))
    site.crash(depth=2)
    assert site.alive() == {"b/pool.2": 2}
    assert site.dead() == {"budget": 1}  # it would have been the third
    assert [delivery.envelope.id for delivery in site.delivered()] == ["t-m1"]


def test_a_pool_shares_those_who_are_alive():
    site = Site(agents=1)
    for _ in range(3):
        assert not site.send("b")
    for message in ("m1", "m2", "m3"):
        site.commit(message, "b/pool.1")
    assert [delivery.envelope.id for delivery in site.delivered()] == ["m1", "m2", "m3"]
    assert site.alive() == {"b/pool.1": 1}


def test_a_pool_whose_members_are_all_gone_refuses_what_came_from_too_deep():
    site = Site(depth=1)
    site.send("a/1")
    site.commit("m1", "a/1", site.tell("m1", "a/1", "b"))
    assert site.dead() == {"budget": 1}


def test_an_agent_whose_name_only_looks_like_one_of_a_pool_is_none_of_it():
    site = Site(agents=3)
    for to in ("b/pool.01", "b/pool.x", "b", "b"):
        assert not site.send(to)
    assert site.alive() == dict.fromkeys(("b/pool.01", "b/pool.x", "b/pool.1"), 1)
    site.commit("m3", "b/pool.1")
    assert [one.agent for one in site.delivered()][2:] == ["b/pool.1", "b/pool.1"]


def test_a_pool_grows_when_an_agent_of_another_kind_makes_room():
    site = Site(agents=2)
    site.send("a/1")
    site.commit("m1", "a/1")
    site.send("b")
    site.send("b")
    assert site.alive() == {"a/1": 1, "b/pool.1": 1}
    site.out = site.do("passivate", ["a/1"], site.host)
    assert [(one.agent, one.envelope.id) for one in site.delivered()] == [("b/pool.2", "m3")]


def test_a_pool_grows_when_a_message_for_another_agent_dies_and_makes_room():
    site = Site("a", agents=2)
    late = Envelope("late", "ask", TYPE, DRIVER, "a/1", b"?", "talk", deadline=site.now + 1)
    site.do("send", [list(late), None, []])
    site.send("b")
    site.send("b")
    assert site.alive() == {"a/1": 1, "b/pool.1": 1}
    site.now += 2
    site.board.tick(site.now)
    site.do("renew", 1, site.host)
    assert site.alive() == {"b/pool.1": 1, "b/pool.2": 1}


def test_no_host_is_started_for_an_agent_for_which_there_is_no_room():
    site = Site("b", agents=1)
    for _ in range(2):
        site.send("b")
    assert [data for event, data in site.events if event == "host_wanted"] == [{"agent": "b/pool.1"}]


def test_all_that_waits_in_a_pool_is_refused_when_there_is_no_room_for_anybody_of_it():
    site = Site(agents=1)
    site.send("a/1")
    site.board.machines.dispatcher.paused = True
    for _ in range(3):
        site.send("b")
    site.board.machines.dispatcher.paused = False
    for _ in range(2):
        site.do("renew", 1, site.host)
    assert site.dead() == {"budget": 3}


def test_a_ceiling_that_comes_later_counts_those_who_are_there():
    site = Site()
    site.send("a/1")
    site.crash(agents=1)
    assert site.alive() == {"a/1": 1}
    assert "agents" in site.send("a/2")
    site.crash()
    assert site.alive() == {}
    assert not site.send("a/2")


@pytest.mark.parametrize("budget", [{}, {"agents": 5}], ids=["uncounted", "counted"])
def test_counting_changes_nothing_of_what_a_run_is_known_by(budget):
    site, other = Site(**budget), Site(**budget)
    for one in (site, other):
        one.send("a/1")
        one.commit("m1", "a/1")
    other.do("passivate", ["a/1"], other.host)
    assert site.board.counts()["digest"] == other.board.counts()["digest"]
