"""Which shard holds what."""

from __future__ import annotations

from collections import Counter

from stigmergy.actors.board.owners import LEAD, Owners, joined


def test_one_shard_holds_everything():
    one = Owners(1)
    assert {one.of_agent("a/1"), one.of_agent("a"), one.of_name("facts", "x")} == {LEAD}
    assert list(one.of_operation("facts.keys", {"prefix": ""})) == [LEAD]


def test_owners_never_change():
    """They are in journals: what was written under them must be found under them."""
    three = Owners(3)
    names = ["a/1", "a/2", "b/1", "desk", "scout/17"]
    assert [three.of_agent(name) for name in names] == [0, 2, 1, 1, 2]
    assert [three.of_name("facts", name) for name in ("x", "y", "best")] == [2, 2, 0]


def test_agents_spread_evenly():
    four = Owners(4)
    spread = Counter(four.of_agent(f"worker/{n}") for n in range(4_000))
    assert min(spread.values()) > 900


def test_the_members_of_a_pool_are_where_the_pool_is():
    five = Owners(5)
    assert {five.of_agent(f"writer/pool.{n}") for n in range(1, 30)} == {five.of_agent("writer")}


def test_dead_letters_are_the_leads():
    assert all(Owners(shards).of_name("topics", "dead-letters") == LEAD for shards in range(1, 20))


def test_an_operation_goes_to_whoever_holds_its_name_or_to_all_when_it_is_about_many():
    four = Owners(4)
    assert list(four.of_operation("trails.read", {"trail": "p"})) == [four.of_name("trails", "p")]
    assert list(four.of_operation("claims.take", {"queue": "q"})) == [four.of_name("claims", "q")]
    assert list(four.of_operation("topics.subscribe", {"topic": "news"})) == [four.of_name("topics", "news")]
    assert list(four.of_operation("topics.subscribe", {"topic": "news.*"})) == [0, 1, 2, 3]
    assert list(four.of_operation("facts.keys", {"prefix": "a"})) == [0, 1, 2, 3]


def test_keys_of_several_shards_are_in_order_and_no_more_than_were_asked_for():
    assert joined("facts.keys", {"limit": 3}, [["b", "d"], ["a", "c"], []]) == ["a", "b", "c"]
