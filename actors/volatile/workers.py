"""Workers: tasks that take turns at a host's run queue.

One of them has the queue: it takes letters and lets the host handle them. When a handler holds it up, another one goes
on; so only what really waits costs a task. Never do two have the queue, so the event loop turns after each stretch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from .. import ending
from ..ending import cancelled
from .letter import Letter
from .slot import Slot

STRETCH: Final = 512
"""Letters after which a worker lets the event loop turn; at 2 us each, a millisecond."""

IDLE: Final = 16
"""Workers that are kept for later."""


class Handler(Protocol):
    """Whose letters they are; see `Host`."""

    stopped: tuple[str, str] | None

    def run(self, slot: Slot, letter: Letter, /) -> Awaitable[None] | None:
        """See `Host.run`."""

    def part(self) -> None:
        """See `Host.part`."""

    def unfold(self, post: tuple[list[Slot], Letter], /) -> None:
        """See `Host.unfold`."""


class Workers:
    """Those of one host."""

    def __init__(self, host: Handler, ready: deque[Any]) -> None:
        """``ready`` holds pairs of a slot, or of a list of slots, and a letter."""
        self._host = host
        self._ready = ready
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: list[tuple[asyncio.Task[None], asyncio.Future[None]]] = []
        self._at_work: asyncio.Task[None] | None = None
        """The one that has the queue."""
        self._woken = False
        self.handled = 0
        """Letters so far, as of the last stretch."""
        self.several: Callable[[deque[Any], int], tuple[int, Awaitable[None] | None]] = self._several
        """``several(queue, most)``: let so many letters be handled, until one holds the queue up. Returns how many
        were, and what the last one waits for."""
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """See to it that somebody takes what is ready."""
        if self._at_work is None and self._ready and not self._woken:
            self._woken = True
            self._loop.call_soon(self._rouse)

    def spawn(self, work: Awaitable[None]) -> None:
        """Let something go on by itself."""
        task = self._loop.create_task(_awaited(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> set[asyncio.Task[Any]]:
        """End everything at once. Returns what has not ended after 10 s."""
        return await cancelled(self._tasks, ending.FAREWELL_S)

    def _rouse(self) -> None:
        self._woken = False
        if self._at_work is not None or not self._ready or self._host.stopped is not None:
            return
        while self._idle:
            worker, idle = self._idle.pop()
            if not idle.done():
                self._at_work = worker
                idle.set_result(None)
                return
        self._at_work = worker = self._loop.create_task(self._work())
        self._tasks.add(worker)
        worker.add_done_callback(self._left)

    def _left(self, worker: asyncio.Task[None]) -> None:
        """A worker has gone, in good order or because something broke that should not: the others go on."""
        self._tasks.discard(worker)
        if self._at_work is worker:
            self._at_work = None
            self.wake()

    async def _work(self) -> None:
        me = self._at_work
        while me is not None:
            await self._take(me)
            self._host.part()
            if len(self._idle) >= IDLE or self._host.stopped is not None:
                return
            idle = self._loop.create_future()
            self._idle.append((me, idle))
            await idle

    async def _take(self, me: asyncio.Task[None]) -> None:
        """Have the queue until it is empty, or somebody else has it."""
        host, ready, several, stretch = self._host, self._ready, self.several, 0
        while ready and host.stopped is None:
            done, more = several(ready, STRETCH - stretch)
            stretch += done
            if more is not None:
                host.part()
                self._at_work = None
                self.wake()  # somebody else goes on if this handler takes time
                await more
                if self._at_work is not None:
                    self.handled += stretch
                    return
                self._at_work = me
            if stretch >= STRETCH:
                self.handled += stretch
                stretch = 0
                host.part()
                await asyncio.sleep(0)
        self.handled += stretch
        self._at_work = None

    def _several(self, ready: deque[Any], most: int) -> tuple[int, Awaitable[None] | None]:
        host, run, done = self._host, self._host.run, 0
        while ready and done < most and host.stopped is None:
            slot, letter = ready.popleft()
            if type(slot) is list:
                host.unfold((slot, letter))
                continue
            done += 1
            more = run(slot, letter)
            if more is not None:
                return done, more
        return done, None


async def _awaited(work: Awaitable[None]) -> None:
    await work
