"""The warden of one shard: what it shows the lead, in order, and nothing that the lead has."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.board.lookout import SHALLOW
from stigmergy.actors.board.owners import Place
from stigmergy.actors.board.warden import Warden
from stigmergy.protocols.envelope import Envelope


def warden(shard: int) -> Warden:
    return Warden(lambda kind, data: None, {}, Place(shard, 2))


def a_message(hops: int) -> Envelope:
    return Envelope(f"m{hops}", "tell", "T@1", "a/1", "b/1", b"", "talk", hops=hops)


def begins(seen: Warden) -> None:
    seen.turn_began("m1", "a/1", "talk", 60.0, 0.0)


def ends(seen: Warden) -> None:
    seen.turn_ended("m1", "a/1")


def test_the_lead_is_shown_a_message_that_may_be_part_of_a_loop():
    other, deep = warden(1), a_message(SHALLOW + 1)
    other.see(a_message(SHALLOW), 0.0)
    other.see(deep, 0.0)
    assert other.shown == [["see", deep.to_wire()]]


@pytest.mark.parametrize("over", [begins, ends])
def test_the_lead_hears_of_an_agent_that_waits_no_more_because_its_turn_is_over_or_begins_anew(over: Any):
    other = warden(1)
    begins(other)
    other.waits("a/1", "b/1", "talk", 0.0)
    over(other)
    over(other)
    assert other.shown == [["waits", "a/1", "b/1", "talk"], ["leaves", "a/1"]]


def test_the_lead_has_nothing_to_show():
    lead = warden(0)
    lead.see(a_message(SHALLOW + 1), 0.0)
    lead.waits("a/1", "b/1", "talk", 0.0)
    begins(lead)
    lead.waits("a/1", "b/1", "talk", 0.0)
    ends(lead)
    assert lead.shown == []
