"""What comes to a host with agents that move there."""

from __future__ import annotations

from types import SimpleNamespace

from stigmergy.actors.mesh.arrivals import Arrivals
from stigmergy.actors.mesh.views import Change, View
from stigmergy.actors.volatile.letter import Letter, Talk
from stigmergy.protocols import Message


async def flushed():
    return None


def test_mail_that_came_before_its_agent_counts_as_waiting():
    arrivals = Arrivals(SimpleNamespace(), flushed)
    arrivals.expect(Change(View(1, ["a.1"]), View(2, ["a.1", "b.1"])), "b.1")
    letter = Letter(Message(), "driver/1", 1, Talk("x"), "", 0, 0, ())
    arrivals.bring("a.1", [("plain/1", letter), ("plain/1", letter), ("plain/2", letter)])
    assert arrivals.waiting == 3
