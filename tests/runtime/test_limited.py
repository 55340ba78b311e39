"""A limit sees work through to its end, whatever it waits for, and ends it when time is up."""

from __future__ import annotations

import asyncio

import pytest

from stigmergy.protocols.errors import DeadlineExceeded
from stigmergy.runtime.limited import limited


async def through(*awaitables):
    return [await each for each in awaitables]


async def later(value):
    await asyncio.sleep(0)
    return value


async def test_work_that_waits_for_nothing_or_for_much_comes_to_its_result():
    assert await limited(through(), 1.0, "a/1") == []
    ready = asyncio.get_running_loop().create_future()
    ready.set_result(1)
    timed = asyncio.wait_for(later(2), 5)
    assert await limited(through(ready, timed, asyncio.gather(later(3), later(4)), later(5)), 5.0, "a/1") == [
        *(1, 2, [3, 4], 5)
    ]


async def test_work_meets_its_own_errors_where_they_are_raised():
    async def caught():
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0)
        except TimeoutError:
            return "mine"
        return "nothing"

    assert await limited(caught(), 5.0, "a/1") == "mine"
    failing = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(failing.set_exception, ValueError("of its own"))
    with pytest.raises(ValueError, match="of its own"):
        await limited(through(failing), 5.0, "a/1")
    with pytest.raises(TimeoutError):
        await limited(through(asyncio.wait_for(asyncio.Event().wait(), 0)), 5.0, "a/1")


async def test_work_that_takes_too_long_is_ended_and_says_whose_it_was():
    ended = []

    async def endless():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(DeadlineExceeded, match=r"a/1 took longer than 0\.01 s"):
        await limited(endless(), 0.01, "a/1")
    assert ended == [True]


async def test_who_waits_for_limited_work_can_cancel_it():
    work = asyncio.create_task(limited(through(asyncio.Event().wait()), 5.0, "a/1"))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
