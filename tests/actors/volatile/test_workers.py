"""What the workers of a host promise: one of them has the queue, and the event loop turns."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from stigmergy.actors.volatile.workers import STRETCH, Workers


class Desk:
    """Handles letters: numbers at once, others as long as somebody holds them up."""

    def __init__(self) -> None:
        self.stopped: tuple[str, str] | None = None
        self.ready: deque[Any] = deque()
        self.workers = Workers(self, self.ready)
        self.seen: list[Any] = []

    def run(self, _slot: Any, letter: Any) -> Any:
        self.seen.append(letter)
        if isinstance(letter, Exception):
            raise letter
        if not isinstance(letter, int):
            return letter
        self.workers.wake()  # as a letter that sends another one does
        return None

    def part(self) -> None:
        pass

    def unfold(self, post: tuple[list[Any], Any]) -> None:
        slots, letter = post
        self.ready.extendleft((slot, letter) for slot in reversed(slots))

    async def turns_until(self, count: int) -> int:
        turns = 0
        while len(self.seen) < count:
            turns += 1
            await asyncio.sleep(0)
        return turns


async def test_the_event_loop_turns_after_each_stretch_however_often_somebody_is_woken():
    desk, stretches = Desk(), 20
    desk.ready.extend((None, number) for number in range(stretches * STRETCH))
    desk.workers.wake()
    assert await desk.turns_until(stretches * STRETCH) >= stretches
    assert desk.seen == list(range(stretches * STRETCH))
    assert desk.workers.handled == stretches * STRETCH
    await desk.workers.close()


async def test_while_a_handler_takes_time_somebody_else_goes_on():
    desk, held, late = Desk(), asyncio.Event(), asyncio.Event()
    desk.ready.extend([(None, held.wait()), (None, 1), (None, late.wait()), (None, 2)])
    desk.workers.wake()
    await desk.turns_until(4)
    held.set()
    late.set()
    desk.ready.append((None, 3))
    desk.workers.wake()
    await desk.turns_until(5)
    assert [letter for letter in desk.seen if isinstance(letter, int)] == [1, 2, 3]
    await desk.workers.close()


async def test_a_worker_that_breaks_leaves_the_queue_to_others():
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    desk = Desk()
    desk.ready.extend([(None, KeyError("should not be")), (None, 1)])
    desk.workers.wake()
    await desk.turns_until(2)
    assert desk.seen[1:] == [1]
    await desk.workers.close()


async def test_a_host_that_has_stopped_takes_nothing_more():
    desk = Desk()
    desk.ready.extend([(None, 1), (None, 2)])
    desk.stopped = ("user", "")
    desk.workers.wake()
    for _ in range(10):
        await asyncio.sleep(0)
    assert desk.seen == []
    await desk.workers.close()
