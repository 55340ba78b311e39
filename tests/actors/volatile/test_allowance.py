"""Allowances: what a host sets aside, and what becomes of it when nobody wants it any more."""

from __future__ import annotations

import asyncio

import pytest

from stigmergy.actors.volatile.allowance import Purse


class Till:
    """A ledger that sets aside at once, and lets hosts wait for its word."""

    def __init__(self) -> None:
        self.reserved: dict[str, int] = {}
        self.open = asyncio.Event()
        self.asked = asyncio.Event()

    async def __call__(self, verb, *rest):
        if verb == "position":
            return {
                "ceiling": {"messages": 1_000},
                "settled": {},
                "reserved": {"messages": sum(self.reserved.values())},
            }
        if verb == "reserve":
            op, _, worst, _ = rest
            self.reserved[op] = worst["messages"]
            self.asked.set()
            await self.open.wait()
        else:
            self.reserved.pop(rest[0], None)
        return None


async def nobody_else():
    """Nobody has anything to give back."""


@pytest.mark.parametrize("recall", [None, nobody_else], ids=["alone", "among others"])
async def test_what_was_set_aside_for_somebody_who_gave_up_is_free_again(recall):
    till = Till()
    purse = Purse("host-1", till)
    purse.recall = recall
    allowance = purse.of("swarm/kind:a")
    refilling = asyncio.ensure_future(purse.refill(allowance, 1))
    await till.asked.wait()
    refilling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await refilling
    till.open.set()
    await purse.refill(allowance, 1)
    assert till.reserved == {allowance.op: allowance.left} == {"host-1:messages:2": 10}
