"""A road: what an attempt leaves for the next one, whenever it comes to hear of it."""

from __future__ import annotations

from stigmergy.actors.host.road import Road
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.turn import CANCELLED, FAILED, TRIED, Delivery

REFUSED = ["Conflict", ["somebody was first"]]
PUT = "act:facts.put:0"


def a_road() -> Road:
    return Road(Delivery("a/1", Envelope("m", "tell", "T@1", "client/main", "a/1", b"", "talk"), 0.0, 1))


def test_a_change_that_is_refused_does_not_count():
    road = a_road()
    taken = road.take(PUT)
    road.act(taken)
    road.pass_by(taken, REFUSED, FAILED)
    assert road.acts == ()


def test_a_change_that_the_handler_gave_up_may_have_been_made_and_counts():
    road = a_road()
    taken = road.take(PUT)
    road.act(taken)
    road.pass_by(taken, None, CANCELLED)
    assert road.acts == ((0, PUT),)


def test_once_its_turn_is_sent_off_a_change_counts_here_as_the_board_was_told_whatever_becomes_of_it():
    road = a_road()
    taken = road.take(PUT)
    road.act(taken)
    road.end()
    road.close()
    road.pass_by(taken, REFUSED, FAILED)
    assert road.acts == ((0, PUT),)
    road.restart(2, 1)
    known = road.take(PUT).known
    assert (known is not None and known.outcome) == TRIED


def test_what_an_attempt_hears_of_the_one_before_is_no_part_of_its_road():
    road = a_road()
    late = road.take("facts.get:0")
    road.restart(2, 1)
    road.pass_by(late, "of the attempt before")
    assert road.claim() == []


def test_where_a_turn_leaves_its_road_is_told_until_the_board_has_heard_of_it():
    road = a_road()
    for key in ("run:price", "run:fallback", "run:end"):
        taken = road.take(key)
        road.pass_by(taken, None if key != "run:price" else ["StepFailed", ["x"]], FAILED if "price" in key else "done")
    road.claim()
    road.restart(2, 1)
    for key in ("run:price", "run:other"):
        road.take(key)
    road.restart(3, 2)  # nothing was recorded meanwhile
    assert (road.turning(), road.turning()) == (1, None)
