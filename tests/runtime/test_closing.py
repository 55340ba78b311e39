"""A swarm that is closed while it starts ends, and tells whoever waits for it."""

from __future__ import annotations

import asyncio

import pytest

from stigmergy.protocols.errors import StigmergyError
from stigmergy.runtime import Swarm
from tests.runtime.cast import Echo


@pytest.mark.parametrize("turns_of_the_loop", [0, 1, 2, 3, 5, 8, 13, 21, 34, 1_000])
async def test_a_swarm_can_be_closed_at_any_moment_of_its_start(turns_of_the_loop):
    async with Swarm(engine="local") as swarm:
        swarm.add(Echo)
        starting = asyncio.ensure_future(swarm.start())
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        if turns_of_the_loop == 1_000:
            await starting
    (ended,) = await asyncio.wait_for(asyncio.gather(starting, return_exceptions=True), 10)
    assert ended is None or isinstance(ended, StigmergyError)
