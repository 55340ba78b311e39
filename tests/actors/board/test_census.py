"""The census: one change at a time, and a loss at once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stigmergy.actors.board.census import Census
from stigmergy.actors.board.outbox import Outbox
from stigmergy.protocols import UsageError


@pytest.fixture
def machines():
    return SimpleNamespace(incarnations={}, outbox=Outbox())


@pytest.fixture
def census(machines):
    return Census(machines)


def join(machines, census, *names):
    for name in names:
        machines.incarnations[name] = f"{name}.1"
        census.joined(f"{name}.1", looks=True)


def lose(machines, census, name):
    census.lost(machines.incarnations.pop(name))


def told(machines, looker):
    """The views that somebody was told since the last time, and whether his requests were answered."""
    frames, _ = machines.outbox.take()
    return [frame.payload[:3] if frame.name else "answer" for frame in frames if frame.peer == looker]


def test_a_change_waits_until_all_hosts_have_settled_after_the_one_before(machines, census):
    assert census.look("client/1") == [0, [], {}, [], {}]
    join(machines, census, "a", "b", "c")
    assert told(machines, "client/1") == [[1, ["a.1"], {}]]
    census.settled("a.1", 1)
    assert told(machines, "client/1") == [[2, ["a.1", "b.1", "c.1"], {}]]
    census.move("x/1", "b")
    census.answer_when_settled("client/1", 7)
    census.settled("a.1", 2)
    census.settled("b.1", 2)
    census.settled("c.1", 1)  # an old one does not count
    assert told(machines, "client/1") == []
    census.settled("c.1", 2)
    assert told(machines, "client/1") == [[3, ["a.1", "b.1", "c.1"], {"x/1": "b"}]]
    for host in ("a.1", "b.1", "c.1"):
        census.settled(host, 3)
    assert told(machines, "client/1") == ["answer"]


def test_who_comes_while_agents_move_hears_why(machines, census):
    join(machines, census, "a", "b")
    assert told(machines, "b.1") == [[1, ["a.1"], {}]]


def test_a_loss_is_told_at_once_and_nobody_waits_for_the_lost(machines, census):
    census.look("client/1")
    join(machines, census, "a")
    census.settled("a.1", 1)
    join(machines, census, "b")
    census.move("x/1", "b")
    join(machines, census, "c")
    census.settled("a.1", 2)
    assert told(machines, "client/1") == [[1, ["a.1"], {}], [2, ["a.1", "b.1"], {}]]
    lose(machines, census, "b")
    assert told(machines, "client/1") == [[3, ["a.1"], {}], [4, ["a.1", "c.1"], {}]]
    lose(machines, census, "c")
    assert told(machines, "client/1") == [[5, ["a.1"], {}]]


def settle(machines, census, version):
    for life in machines.incarnations.values():
        census.settled(life, version)


def test_who_is_on_the_way_to_a_host_that_dies_stays_where_he_was_put_before(machines, census):
    census.look("client/1")
    join(machines, census, "a")
    census.settled("a.1", 1)
    join(machines, census, "b", "c")
    settle(machines, census, 2)
    settle(machines, census, 3)
    for agent, version in (("x/1", 4), ("y/1", 5)):
        census.move(agent, "a")
        census.answer_when_settled("client/1", version)
        settle(machines, census, version)
    told(machines, "client/1")
    for agent in ("x/1", "y/1", "z/1"):  # one is on the way, two wait for that, and one of them was put nowhere before
        census.move(agent, "b")
        census.answer_when_settled("client/1", 6)
    lose(machines, census, "c")
    lose(machines, census, "b")
    assert [pins for _, _, pins in told(machines, "client/1")] == [
        {"x/1": "b", "y/1": "a"},
        {"x/1": "b", "y/1": "a"},
        {"x/1": "a", "y/1": "a"},
    ]
    settle(machines, census, 6)
    assert told(machines, "client/1") == ["answer"] * 3
    join(machines, census, "b")
    assert told(machines, "client/1") == [[9, ["a.1", "b.1"], {"x/1": "a", "y/1": "a"}]]


def test_a_view_comes_with_the_one_before(machines, census):
    join(machines, census, "a")
    census.settled("a.1", 1)
    join(machines, census, "b")
    assert census.look("client/1") == [2, ["a.1", "b.1"], {}, ["a.1"], {}]


def test_nobody_is_put_on_a_host_that_is_not_there(machines, census):
    join(machines, census, "a")
    with pytest.raises(UsageError, match=r"no host 'b' \(hosts: a\)"):
        census.move("x/1", "b")
