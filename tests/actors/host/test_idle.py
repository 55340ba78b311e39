"""Who is passivated: the longest idle, when it is time or when there are too many."""

from __future__ import annotations

from stigmergy.actors.board.holders import Holders
from stigmergy.actors.host.idle import MOST_AT_ONCE, Idle, IdleLimits


def idle(after_s=10.0, live=3, **since):
    found = Idle(IdleLimits(after_s, live))
    for agent, at in since.items():
        found.add(agent, at)
    return found


def test_after_some_time_without_work_an_agent_goes():
    found = idle(a=0.0, b=5.0)
    assert found.due(2, 9.9) == []
    assert found.due(2, 10.0) == ["a"]
    assert found.due(2, 15.0) == ["a", "b"]


def test_above_the_bound_the_longest_idle_go_at_once():
    found = idle(a=0.0, b=1.0, c=2.0)
    assert found.due(3, 2.0) == []
    assert found.due(5, 2.0) == ["a", "b"]


def test_who_works_again_begins_anew():
    found = idle(a=0.0, b=1.0)
    found.remove("a")
    assert "a" not in found
    found.add("a", 9.0)
    assert found.due(2, 11.0) == ["b"]


def test_only_so_many_go_together():
    found = idle()
    for number in range(MOST_AT_ONCE + 1):
        found.add(str(number), 0.0)
    assert len(found.due(0, 100.0)) == MOST_AT_ONCE


def test_a_state_is_sent_to_who_has_not_got_it_and_again_after_it_was_let_go():
    states, flying = {"a": b"1"}, dict[str, object]()
    holders = Holders(states, flying)
    assert [holders.due("a", "h.1") for _ in range(2)] == [b"1", None]
    assert holders.let_go(["a"], "other.1") == ["a"]  # it may forget what it has of before
    assert holders.due("a", "h.1") is None
    flying["a"] = {}
    assert holders.let_go(["a"], "h.1") == []
    del flying["a"]
    assert holders.let_go(["a", "never seen"], "h.1") == ["a", "never seen"]
    assert holders.due("a", "h.1") == b"1"
    holders.lost("h.1")
    assert holders.due("a", "h.1") == b"1"
