"""The pace of a host: the event loop turns between two stretches, and nobody is passed over."""

from __future__ import annotations

import asyncio

from stigmergy.actors.host.pace import Pace

STRETCH = 3


async def loop_turns_of(pace, order, names):
    """Run tasks that each begin one turn. Says how often the event loop had turned when each began."""
    turned, began = [0], []

    def count():
        turned[0] += 1
        asyncio.get_running_loop().call_soon(count)

    async def turn(name):
        await pace.begin()
        order.append(name)
        began.append(turned[0])

    count()
    await asyncio.gather(*map(turn, names))
    return began


async def test_a_stretch_begins_at_once_and_the_event_loop_turns_before_the_next_one():
    order: list[int] = []
    began = await loop_turns_of(Pace(STRETCH), order, range(3 * STRETCH))
    assert order == list(range(3 * STRETCH))
    first, second, third = (began[n : n + STRETCH] for n in range(0, 3 * STRETCH, STRETCH))
    assert first[0] == first[-1] < second[0] == second[-1] < third[0] == third[-1]


async def test_a_turn_that_comes_later_does_not_overtake_those_that_wait():
    pace, order = Pace(STRETCH), list[str]()

    async def turn(name, times):
        for number in range(times):
            await pace.begin()
            order.append(f"{name}{number}")

    await asyncio.gather(turn("long", 2 * STRETCH), turn("other", 1))
    assert STRETCH < order.index("other0") < 2 * STRETCH


async def test_a_turn_that_is_cancelled_while_it_waits_takes_nobodys_place():
    pace, order = Pace(STRETCH), list[int]()

    async def turn(name):
        await pace.begin()
        order.append(name)

    tasks = [asyncio.ensure_future(turn(name)) for name in range(2 * STRETCH + 1)]
    await asyncio.sleep(0)
    for task in tasks[STRETCH:-1]:
        task.cancel()
    await asyncio.wait(tasks)
    assert order == [0, 1, 2, 2 * STRETCH]
