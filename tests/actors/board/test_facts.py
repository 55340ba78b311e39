"""Facts: compare-and-set over versions that only grow, repeats that are known, news that is new."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.board.facts import RECALL, Delete, Fact, Facts, Put, Written
from stigmergy.protocols.errors import Conflict, InvalidName, JournalError, Malformed, Oversized, StorageFull
from tests.actors.board.entries import Entries

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=5) | st.binary()
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=3), v, max_size=3), max_leaves=8
)


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def facts(entries: Entries) -> Facts:
    return Facts(entries)


def test_a_value_comes_back_with_its_version_and_writer(facts: Facts) -> None:
    assert facts.put("price", {"b": [1, 2.5, None], "a": b"\x00"}, "clerk/1", "op1") == Written(1, news=True)

    assert facts.get("price") == Fact({"a": b"\x00", "b": [1, 2.5, None]}, 1, "clerk/1")
    assert facts.get("nothing") is None


def test_of_two_writers_with_the_same_expectation_exactly_one_wins(facts: Facts) -> None:
    facts.put("seat", "free", "clerk/1", "op1")
    facts.put("seat", "taken by ann", "ann/1", "op2", expect=1)

    with pytest.raises(Conflict) as caught:
        facts.put("seat", "taken by bob", "bob/1", "op3", expect=1)

    assert (caught.value.key, caught.value.expected, caught.value.version) == ("seat", 1, 2)
    assert facts.get("seat") == Fact("taken by ann", 2, "ann/1")


def test_expecting_zero_means_that_the_key_must_not_exist(facts: Facts) -> None:
    facts.put("leader", "a/1", "a/1", "op1", expect=0)

    with pytest.raises(Conflict, match="expected not to exist, but is at version 1"):
        facts.put("leader", "a/2", "a/2", "op2", expect=0)
    with pytest.raises(Conflict, match="expected at version 3, but does not exist"):
        facts.put("other", 1, "a/2", "op3", expect=3)


def test_a_refused_write_changes_and_records_nothing(facts: Facts, entries: Entries) -> None:
    facts.put("a", 1, "w/1", "op1")
    before = facts.snapshot()

    with pytest.raises(Conflict):
        facts.write([Put("b", 2), Put("a", 2, expect=7)], "w/1", "op2")
    with pytest.raises(Conflict):
        facts.check([Delete("a", expect=2)])

    assert facts.snapshot() == before
    assert len(entries) == 1


def test_a_write_that_the_journal_refuses_changes_nothing(facts: Facts, entries: Entries) -> None:
    entries.full = True

    with pytest.raises(StorageFull):
        facts.put("a", 1, "w/1", "op1")

    assert facts.get("a") is None
    entries.full = False
    assert facts.put("a", 1, "w/1", "op1") == Written(1, news=True)


def test_the_same_operation_a_hundred_times_is_one_write_with_equal_versions(facts: Facts, entries: Entries) -> None:
    first = facts.put("n", 1, "w/1", "op1", expect=0)
    repeats = [facts.put("n", 1, "w/1", "op1", expect=0) for _ in range(99)]

    assert {w.version for w in [first, *repeats]} == {1}
    assert [w.news for w in [first, *repeats]] == [True] + [False] * 99
    assert len(entries) == 1


def test_a_repeated_operation_does_not_overwrite_what_came_after_it(facts: Facts) -> None:
    facts.put("n", "old", "w/1", "op1")
    facts.put("n", "new", "w/2", "op2")

    assert facts.put("n", "old", "w/1", "op1").version == 1
    assert facts.get("n") == Fact("new", 2, "w/2")


def test_the_operations_of_a_turn_are_forgotten_together(facts: Facts, entries: Entries) -> None:
    facts.put("n", 1, "w/1", "turn1:0")
    facts.put("n", 2, "w/1", "turn1:1")
    facts.put("n", 3, "w/1", "turn2:0")
    facts.forget(["turn1", "never seen"])
    facts.forget(["turn1"])

    assert len(entries) == 4
    assert facts.put("n", 1, "w/1", "turn1:0") == Written(4, news=False)
    assert facts.put("n", 3, "w/1", "turn2:0") == Written(3, news=False)


def test_a_write_that_cannot_be_repeated_needs_no_operation_id(facts: Facts) -> None:
    assert [facts.put("n", i, "w/1", "").version for i in range(3)] == [1, 2, 3]
    assert facts.snapshot()["done"] == {}


def test_a_version_from_before_a_delete_never_fits_again(facts: Facts) -> None:
    facts.put("job", "x", "w/1", "op1")
    assert facts.delete("job", "w/1", "op2", expect=1) == Written(2, news=False)
    assert facts.get("job") is None
    assert facts.put("job", "y", "w/2", "op3", expect=0).version == 3

    with pytest.raises(Conflict):
        facts.put("job", "late", "w/1", "op4", expect=1)


def test_deleting_what_is_not_there_leaves_no_trace_of_the_key(facts: Facts) -> None:
    assert facts.delete("ghost", "w/1", "op1") == Written(0, news=False)
    assert facts.snapshot()["slots"] == {}


def test_changes_of_one_write_see_each_other_and_happen_together(facts: Facts) -> None:
    written = facts.write(
        [Put("a", 1, expect=0), Put("a", 2, expect=1), Delete("a", expect=2), Put("b", 3)], "w/1", "op"
    )

    assert [w.version for w in written] == [1, 2, 3, 1]
    assert facts.keys() == ["b"]


def test_two_agents_that_undo_each_other_make_news_once_each(facts: Facts) -> None:
    news = [facts.put("x", "on" if i % 2 else "off", f"w/{i % 2}", f"op{i}").news for i in range(10)]

    assert news == [True, True] + [False] * 8


def test_the_same_mapping_in_another_order_is_no_news_but_true_is_not_one(facts: Facts) -> None:
    assert facts.put("x", {"a": 1, "b": 2}, "w/1", "op1").news
    assert not facts.put("x", {"b": 2, "a": 1}, "w/1", "op2").news
    assert facts.put("x", {"a": True, "b": 2}, "w/1", "op3").news


def test_a_value_is_news_again_after_eight_others(facts: Facts) -> None:
    for i in range(RECALL + 1):
        assert facts.put("x", i, "w/1", f"op{i}").news

    assert not facts.put("x", 1, "w/1", "again 1").news
    assert facts.put("x", 0, "w/1", "again 0").news


def test_a_change_to_a_value_that_was_read_changes_no_fact(facts: Facts) -> None:
    mine = {"list": [1]}
    facts.put("x", mine, "w/1", "op1")
    mine["list"].append(2)
    fact = facts.get("x")
    assert fact is not None
    fact.value["list"].append(3)

    assert facts.get("x") == Fact({"list": [1]}, 1, "w/1")


def test_keys_come_in_order_and_in_pages(facts: Facts) -> None:
    for i in range(100):
        facts.put(f"job/{i:03}", i, "w/1", f"op{i}")
    facts.put("jobs", 0, "w/1", "other")

    first = facts.keys("job/", limit=60)
    assert first == [f"job/{i:03}" for i in range(60)]
    assert facts.keys("job/", after=first[-1], limit=60) == [f"job/{i:03}" for i in range(60, 100)]
    assert facts.keys("job", after="job/099") == ["jobs"]
    assert facts.keys("nothing") == []
    assert len(facts) == 101


@pytest.mark.parametrize("key", ["", "x" * 257, 7])
def test_a_key_that_is_no_key_is_refused(facts: Facts, key: Any) -> None:
    with pytest.raises(InvalidName):
        facts.put(key, 1, "w/1", "op1")


@pytest.mark.parametrize("value", [{1, 2}, object(), {1: 2}, 2**70, "\ud800", [[[]]] * 2 + [{"a": {7: 1}}]])
def test_a_value_that_is_not_plain_is_refused(facts: Facts, entries: Entries, value: Any) -> None:
    with pytest.raises(Malformed):
        facts.put("x", value, "w/1", "op1")
    assert len(entries) == 0


def test_a_value_that_is_too_deep_or_too_large_is_refused(facts: Facts) -> None:
    deep: list[Any] = []
    deep.append(deep)

    with pytest.raises(Malformed):
        facts.put("x", deep, "w/1", "op1")
    with pytest.raises(Oversized):
        facts.put("x", b"x" * 300_000, "w/1", "op2")


def test_an_entry_of_another_kind_is_refused(facts: Facts) -> None:
    with pytest.raises(JournalError, match="newer version"):
        facts.apply("facts.shred", {})


@given(value=VALUES)
def test_every_plain_value_survives(value: Any) -> None:
    facts = Facts(Entries())
    facts.put("x", value, "w/1", "op1")
    fact = facts.get("x")

    assert fact is not None
    assert repr(_in_order(fact.value)) == repr(_in_order(value))
    assert not facts.put("x", value, "w/1", "op2").news


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _in_order(value[key])) for key in sorted(value)]
    return [_in_order(item) for item in value] if isinstance(value, list) else value
