"""Claims: one holder at a time, tokens that grow, nobody back from the dead finishes another's work."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.board.claims import Claims
from stigmergy.actors.board.workitems import Claim, Depth, Item, Lapse
from stigmergy.protocols.errors import ClaimLost, Fenced, InvalidName, JournalError, StorageFull, UsageError
from tests.actors.board.entries import Entries


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def claims(entries: Entries) -> Claims:
    return Claims(entries)


def take(claims: Claims, op: str, *, now: float = 0.0, epoch: int = 1, worker: str = "w/1", **kwargs: Any) -> Claim:
    claim = claims.take("jobs", worker, epoch, op, now, **kwargs)
    assert claim is not None
    return claim


def test_items_come_by_priority_then_first_come(claims: Claims) -> None:
    for item, priority in [("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)]:
        claims.offer("jobs", item, item.encode(), priority=priority)

    assert [item.item for item in claims.peek("jobs")] == ["b", "d", "a", "c", "e"]
    assert [take(claims, f"op{i}").item for i in range(5)] == ["b", "d", "a", "c", "e"]
    assert claims.take("jobs", "w/1", 1, "op5", 0.0) is None
    assert claims.take("nothing", "w/1", 1, "op5", 0.0) is None


def test_a_claim_says_what_until_when_and_under_which_token(claims: Claims) -> None:
    claims.offer("jobs", "a", b"dig")

    assert take(claims, "op1", now=100.0, lease_s=20.0) == Claim("jobs", "a", b"dig", token=1, attempt=1, until=120.0)


def test_an_item_offered_again_is_there_once_also_after_it_was_finished(claims: Claims, entries: Entries) -> None:
    assert claims.offer("jobs", "a", b"")
    assert not any(claims.offer("jobs", "a", b"") for _ in range(99))
    claims.complete("jobs", "a", take(claims, "op1").token)

    assert not claims.offer("jobs", "a", b"")
    assert len(entries) == 3
    assert claims.depth("jobs") == Depth(ready=0, taken=0, dead=0, done=1)


def test_a_forgotten_item_can_be_offered_again(claims: Claims) -> None:
    claims.offer("jobs", "a", b"")
    claims.complete("jobs", "a", take(claims, "op1").token)
    claims.forget("jobs", ["a", "unknown"])
    claims.forget("none", ["a"])

    assert claims.offer("jobs", "a", b"")


def test_a_late_complete_with_an_old_token_is_refused(claims: Claims) -> None:
    claims.offer("jobs", "a", b"")
    late = take(claims, "op1", worker="slow/1")
    claims.expire(30.0)
    current = take(claims, "op2", worker="quick/1", now=30.0)

    for refused in (
        lambda: claims.complete("jobs", "a", late.token),
        lambda: claims.check("jobs", "a", late.token),
        lambda: claims.fail("jobs", "a", late.token, "late"),
        lambda: claims.renew("jobs", "a", late.token, 31.0),
    ):
        with pytest.raises(ClaimLost, match="claim 1 on item 'a' of queue 'jobs' has ended"):
            refused()
    assert current.token > late.token
    assert claims.complete("jobs", "a", current.token)
    with pytest.raises(ClaimLost):
        claims.complete("jobs", "a", late.token)


def test_a_complete_that_is_repeated_is_the_same_complete(claims: Claims, entries: Entries) -> None:
    claims.offer("jobs", "a", b"")
    token = take(claims, "op1").token

    assert [claims.complete("jobs", "a", token) for _ in range(3)] == [True, False, False]
    claims.check("jobs", "a", token)
    assert len(entries) == 3


def test_a_take_that_is_repeated_in_its_epoch_gets_the_same_claim(claims: Claims, entries: Entries) -> None:
    claims.offer("jobs", "a", b"")
    claims.offer("jobs", "b", b"")

    assert take(claims, "op1", now=5.0) == take(claims, "op1", now=9.0)
    assert len(entries) == 3


def test_a_take_that_is_repeated_before_its_turn_is_over_gets_the_claim_that_the_turn_has_completed(
    claims: Claims,
) -> None:
    for item in "ab":
        claims.offer("jobs", item, b"dig")
    claim = take(claims, "m1:0", now=5.0)
    assert claims.complete("jobs", "a", claim.token)

    for epoch in (1, 2):
        assert take(claims, "m1:0", epoch=epoch, now=90.0) == claim
        assert not claims.complete("jobs", "a", claim.token)
    assert claims.depth("jobs") == Depth(ready=1, taken=0, dead=0, done=1)
    claims.over(["m1", "m2"])
    assert take(claims, "m1:0").item == "b"


def test_what_a_turn_gave_back_it_gives_back_again_whoever_has_had_it_since(claims: Claims) -> None:
    claims.offer("jobs", "a", b"", max_attempts=2)
    claim = take(claims, "m1:0")
    assert not claims.fail("jobs", "a", claim.token, "no", op="m1:1")
    other = take(claims, "m2:0", worker="w/2")

    assert take(claims, "m1:0") == claim
    assert not claims.fail("jobs", "a", claim.token, "no", op="m1:1")
    with pytest.raises(ClaimLost):
        claims.fail("jobs", "a", claim.token, "no", op="m1:2")
    assert claims.complete("jobs", "a", other.token)


def test_an_offer_that_is_repeated_before_its_turn_is_over_says_again_that_it_was_news(claims: Claims) -> None:
    assert [claims.offer("jobs", "a", b"", op="m1:0") for _ in range(2)] == [True, True]
    assert not claims.offer("jobs", "a", b"", op="m2:0")
    claims.over(["m1"])
    assert not claims.offer("jobs", "a", b"", op="m1:0")


def test_a_take_that_is_repeated_after_its_lease_ended_begins_anew_unless_another_has_had_the_item(
    claims: Claims,
) -> None:
    for item in "ab":
        claims.offer("jobs", item, b"")
    lost = take(claims, "m1:0")
    claims.expire(30.0)
    again = take(claims, "m1:0", now=30.0)
    assert (again.item, again.attempt, again.until) == ("a", 2, 60.0)
    assert again.token > lost.token
    claims.expire(60.0)
    assert take(claims, "m2:0", now=60.0, worker="w/2").item == "a"

    assert take(claims, "m1:0", now=60.0) == again  # and so what the turn does with it is refused
    with pytest.raises(ClaimLost):
        claims.complete("jobs", "a", again.token)


def test_a_take_without_a_name_is_not_remembered(claims: Claims) -> None:
    for item in "ab":
        claims.offer("jobs", item, b"")

    assert [take(claims, "").item for _ in range(2)] == ["a", "b"]
    assert claims.snapshot()["done"] == {}


def test_operations_outlive_the_board_until_their_turn_is_over(claims: Claims, entries: Entries) -> None:
    claims.offer("jobs", "a", b"", op="m1:0")
    claim = take(claims, "m1:1")
    claims.complete("jobs", "a", claim.token)
    again = entries.replay(Claims(entries))

    assert again.snapshot() == claims.snapshot()
    assert (again.offer("jobs", "a", b"", op="m1:0"), take(again, "m1:1")) == (True, claim)
    again.over(["m1"])
    assert entries.replay(Claims(entries)).snapshot()["done"] == {}


def test_a_successor_goes_on_with_the_item_and_its_predecessor_is_fenced(claims: Claims) -> None:
    claims.offer("jobs", "a", b"")
    zombie = take(claims, "op1", epoch=1)
    successor = take(claims, "op1", epoch=2, now=10.0)

    assert (successor.item, successor.attempt, successor.token, successor.until) == ("a", 1, 2, 40.0)
    with pytest.raises(ClaimLost):
        claims.complete("jobs", "a", zombie.token)
    with pytest.raises(Fenced, match="epoch 1 of 'w/1' has ended"):
        claims.take("jobs", "w/1", 1, "op1", 11.0)
    assert claims.complete("jobs", "a", successor.token)


def test_a_failed_item_goes_behind_its_equals_and_dies_after_its_last_attempt(claims: Claims) -> None:
    claims.offer("jobs", "bad", b"", max_attempts=2)
    claims.offer("jobs", "good", b"")

    assert not claims.fail("jobs", "bad", take(claims, "op1").token, "no")
    assert [(i.item, i.attempts) for i in claims.peek("jobs")] == [("good", 0), ("bad", 1)]
    second = take(claims, "op2", item="bad")
    assert claims.fail("jobs", "bad", second.token, "still no")
    assert claims.fail("jobs", "bad", second.token, "repeated")

    assert claims.dead("jobs") == {"bad": "still no"}
    assert claims.depth("jobs") == Depth(ready=1, taken=0, dead=1, done=0)
    assert claims.take("jobs", "w/1", 1, "op3", 0.0, item="bad") is None


def test_a_dead_item_gets_its_attempts_again_only_on_request(claims: Claims) -> None:
    claims.offer("jobs", "a", b"", max_attempts=1)
    claims.fail("jobs", "a", take(claims, "op1").token, "no")
    claims.requeue("jobs", "a")

    assert claims.dead("jobs") == {}
    assert take(claims, "op2").attempt == 1
    for queue, item in [("jobs", "a"), ("jobs", "z"), ("none", "a")]:
        with pytest.raises(UsageError, match="not dead"):
            claims.requeue(queue, item)


def test_a_lapsed_item_keeps_its_place_and_its_last_lapse_kills_it(claims: Claims) -> None:
    claims.offer("jobs", "a", b"", max_attempts=2)
    claims.offer("jobs", "b", b"")
    take(claims, "op1", now=0.0)

    assert claims.expire(29.9) == []
    assert claims.next_expiry() == 30.0
    assert claims.expire(30.0) == [Lapse("jobs", "a", "w/1", 1, dead=False)]
    assert claims.next_expiry() is None
    assert take(claims, "op2", now=30.0, worker="w/2").item == "a"
    assert claims.expire(60.0) == [Lapse("jobs", "a", "w/2", 2, dead=True)]
    assert claims.dead("jobs") == {"a": "the lease ended"}


def test_a_renewed_lease_ends_later_and_never_earlier(claims: Claims, entries: Entries) -> None:
    claims.offer("jobs", "a", b"")
    token = take(claims, "op1").token

    assert claims.renew("jobs", "a", token, 20.0) == 50.0
    assert claims.renew("jobs", "a", token, 10.0) == 50.0
    assert len(entries) == 3
    assert claims.expire(49.0) == []
    assert [lapse.item for lapse in claims.expire(50.0)] == ["a"]


def test_a_worker_may_choose_and_of_two_that_choose_alike_one_gets_it(claims: Claims) -> None:
    for item in "abc":
        claims.offer("jobs", item, item.encode())

    assert claims.peek("jobs", limit=2) == [Item("a", b"a", 0, 0), Item("b", b"b", 0, 0)]
    assert take(claims, "op1", item="b").item == "b"
    assert claims.take("jobs", "w/2", 1, "op2", 0.0, item="b") is None
    assert [i.item for i in claims.peek("jobs")] == ["a", "c"]


def test_an_item_taken_out_of_order_and_given_back_is_there_once(claims: Claims) -> None:
    for item in "abc":
        claims.offer("jobs", item, b"")
    for i in range(2):
        take(claims, f"op{i}", item="b", now=100.0 * i)
        claims.expire(100.0 * i + 50)

    assert [i.item for i in claims.peek("jobs")] == ["a", "b", "c"]


def test_many_renewals_and_choices_leave_no_heap_behind(claims: Claims) -> None:
    claims.offer("jobs", "first", b"")
    token = take(claims, "op").token
    for i in range(1, 2000):
        claims.renew("jobs", "first", token, float(i))
        claims.offer("jobs", f"{i}", b"")
        claims.complete("jobs", f"{i}", take(claims, f"op{i}", item=f"{i}", now=1e9).token)

    assert len(claims._leases._heap) < 200
    assert len(claims._queues["jobs"]._ready._heap) < 200


def test_what_the_journal_refuses_does_not_happen(claims: Claims, entries: Entries) -> None:
    claims.offer("jobs", "a", b"")
    token = take(claims, "op1").token
    before = claims.snapshot()
    entries.full = True

    for refused in (
        lambda: claims.offer("jobs", "b", b""),
        lambda: claims.complete("jobs", "a", token),
        lambda: claims.expire(99.0),
    ):
        with pytest.raises(StorageFull):
            refused()
    assert claims.snapshot() == before
    entries.full = False
    assert [lapse.item for lapse in claims.expire(99.0)] == ["a"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"queue": "no good", "item": "a"}, InvalidName),
        ({"queue": "jobs", "item": ""}, InvalidName),
        ({"queue": "jobs", "item": "a", "max_attempts": 0}, UsageError),
    ],
)
def test_an_impossible_offer_is_refused(claims: Claims, arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        claims.offer(payload=b"", **arguments)


@pytest.mark.parametrize("lease_s", [0.0, -1.0, float("nan")])
def test_an_impossible_take_is_refused(claims: Claims, lease_s: float) -> None:
    with pytest.raises(UsageError):
        claims.take("jobs", "w/1", 1, "op", 0.0, lease_s=lease_s)


def test_an_entry_of_another_kind_is_refused(claims: Claims) -> None:
    with pytest.raises(JournalError, match="newer version"):
        claims.apply("claims.shred", {"queue": "jobs"})
    assert claims.snapshot() == {"queues": {}, "done": {}}
