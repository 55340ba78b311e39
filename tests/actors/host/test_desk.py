"""A desk's ways to the board when the turn at it does not wait to the end."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from stigmergy.actors.clock import Clock
from stigmergy.actors.host.access import Copies
from stigmergy.actors.host.desk import Desk
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.turn import Delivery


class Silent:
    """A board that is asked and says nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def ask(self, name: str, payload: Any = None) -> asyncio.Future[Any]:
        self.asked.append((name, payload))
        return asyncio.get_running_loop().create_future()


async def settled() -> None:
    return None


@pytest.mark.parametrize(("request_", "more"), [("reserve", [["withdraw", "op"]]), ("settle", [])])
async def test_who_stops_waiting_for_a_reservation_withdraws_it_and_nothing_else(request_, more):
    envelope = Envelope("m", "tell", "T@1", "client/main", "a/1", b"", "talk")
    board = Silent()
    desk = Desk(Delivery("a/1", envelope, 0.0, 1), "h.1", board, cast(Copies, None), {}, Clock(), settled)
    turn = asyncio.get_running_loop().create_task(desk.ledger(request_, "op"))
    await asyncio.sleep(0)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert [payload for _, payload in board.asked[1:]] == more


async def test_an_act_is_known_by_its_place_and_all_of_what_it_is():
    """A turn that starts over may do something else there, though with the same arguments."""
    envelope = Envelope("m", "tell", "T@1", "client/main", "a/1", b"", "talk")
    names = []
    for operation, item in (
        ("claims.complete", 1),
        ("claims.complete", 1),
        ("claims.renew", 1),
        ("claims.complete", 2),
    ):
        board = Silent()
        desk = Desk(Delivery("a/1", envelope, 0.0, 1), "h.1", board, cast(Copies, None), {}, Clock(), settled)
        turn = asyncio.get_running_loop().create_task(desk.act(operation, {"item": item}))
        await asyncio.sleep(0)
        turn.cancel()
        ((_, payload),) = board.asked
        names.append(payload[3])
    assert names[0] == names[1]
    assert len(set(names)) == 3
