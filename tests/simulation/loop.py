"""Virtual time, and an event loop for each simulated process.

The rule of this file: there is one order of everything that happens, in all processes together, and
it follows from the seed alone. A process is ended or suspended between any two of its callbacks, that
is, at every await point.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any, NoReturn

from stigmergy.actors.clock import Clock

EPOCH = 1_000_000_000.0
"""Unix seconds at which every simulation begins."""


class Killed(BaseException):
    """Unwinds the stack of a process that has just been killed."""


class Call:
    """What an event loop has to do: a callback in its context. It is its own handle, and knows no more than it must."""

    __slots__ = ("args", "callback", "context", "is_off")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None) -> None:
        self.callback = callback
        self.args = args
        self.context = copy_context() if context is None else context
        self.is_off = False

    def cancel(self) -> None:
        """Do not do it. What it holds on to is let go, as `asyncio.Handle` does."""
        self.is_off = True
        self.callback, self.args = _nothing, ()

    def cancelled(self) -> bool:
        """Whether it is not to be done."""
        return self.is_off


class Timeline:
    """What happens when. A loop of None is the world itself.

    One order of all: by time, and at one time by the number under which it was put here. What is due at once stands
    in line behind everything that was put here for this very moment before the moment came.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self.is_over = False
        """Set by the world: nothing more is to happen."""
        self._number = 0
        self._due: deque[tuple[int, ProcessLoop | None, Any]] = deque()
        self._later: list[tuple[float, int, ProcessLoop | None, Any]] = []
        """A heap."""

    def push(self, when: float, loop: ProcessLoop | None, what: Any) -> None:
        """Put something in its place; what is due at once comes after what is due already."""
        if when <= self.now:
            self.push_due(loop, what)
        else:
            self._number += 1
            heappush(self._later, (when, self._number, loop, what))

    def push_due(self, loop: ProcessLoop | None, what: Any) -> None:
        """Put something behind what is due already."""
        self._number += 1
        self._due.append((self._number, loop, what))

    def after(self, delay: float, call: Callable[[], None]) -> None:
        """Let the world do something later."""
        self.push(self.now + delay, None, call)

    def run(self, until: float) -> None:
        """Go on until it is over, or until a time."""
        try:
            self._run(until)
        finally:
            asyncio._set_running_loop(None)

    def _run(self, until: float) -> None:
        due, later, running = self._due, self._later, None
        while not self.is_over:
            if later and (later[0][0] <= self.now or (not due and later[0][0] <= until)):
                self.now, number, loop, what = heappop(later)
            elif due:
                number, loop, what = due.popleft()
            else:
                return
            if loop is None:
                what()
            elif loop.alive and not what.is_off:
                if loop.held is not None:
                    loop.held.append(what)
                elif loop.busy_until > self.now:
                    heappush(later, (loop.busy_until, number, loop, what))
                else:
                    self.steps += 1
                    if running is not loop:
                        asyncio._set_running_loop(loop)
                        running = loop
                    try:
                        what.context.run(what.callback, *what.args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:  # noqa: BLE001 - the next callback is not to blame
                        loop.call_exception_handler({"message": f"{what.callback!r} failed", "exception": error})


class ProcessLoop(asyncio.BaseEventLoop):
    """The event loop of one process, and so the process itself: it lives, hangs, or is dead."""

    def __init__(self, name: str, timeline: Timeline, lab: Any = None) -> None:
        """``lab`` is what the code inside may reach of the world outside."""
        super().__init__()
        self.name = name
        self.lab = lab
        self.alive = True
        self.busy_until = 0.0
        self.held: list[Call] | None = None
        """Callbacks that wait while the process hangs; None while it does not."""
        self.lingers = False
        """Whether it takes long to die when it is asked to."""
        self.service: Any = None
        self.tasks: list[asyncio.Task[Any]] = []
        """All of them, so that none is collected, and runs its `finally`, at a moment that no seed decides."""
        self.complaints: list[str] = []
        self.on_end: dict[object, Callable[[], None]] = {}
        """Who must hear that this process has ended, until they need to hear it no more."""
        self._timeline = timeline
        self._offset = 0.0
        self._frozen: float | None = None
        self.clock = Clock(self._wall, self.time)

    # -- the fate of a process

    def end(self) -> None:
        """kill -9."""
        if self.alive:
            self.alive = False
            told, self.on_end = self.on_end, {}
            for tell in told.values():
                tell()

    def die(self) -> NoReturn:
        """kill -9 in the middle of a callback, which goes no further."""
        self.end()
        raise Killed

    def hang(self) -> None:
        """SIGSTOP."""
        if self.held is None:
            self.held = []

    def wake(self) -> None:
        """SIGCONT: everything that was due meanwhile is due now."""
        held, self.held = self.held or [], None
        for handle in held:
            self._timeline.push(self._timeline.now, self, handle)

    def busy(self, seconds: float) -> None:
        """Something synchronous takes its time."""
        self.busy_until = max(self.busy_until, self._timeline.now) + seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock."""
        self._offset += seconds

    def freeze(self) -> None:
        """Stop the wall clock."""
        self._frozen = self._wall()

    def thaw(self) -> None:
        """Let the wall clock go on, right again."""
        self._frozen = None

    def _wall(self) -> float:
        return EPOCH + self._timeline.now + self._offset if self._frozen is None else self._frozen

    def bury(self) -> None:
        """After the simulation: end what still waits, so that nothing of it is told later."""
        self.alive = False
        for task in self.tasks:
            if not task.done():
                with suppress(Exception):  # a `finally` that wants a loop has none any more
                    _close(task.get_coro())
        self.tasks.clear()

    # -- what asyncio asks of a loop

    def time(self) -> float:
        return self._timeline.now

    def call_soon(  # type: ignore[override] # any callable will do, and a handle of ours
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> Call:
        call = Call(callback, args, context)
        if self.alive:
            self._timeline.push_due(self, call)
        return call

    call_soon_threadsafe = call_soon  # type: ignore[assignment] # the same

    def call_at(  # type: ignore[override] # the same
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Call:
        call = Call(callback, args, context)
        if self.alive:
            self._timeline.push(when, self, call)
        return call

    def call_later(  # type: ignore[override] # the same
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Call:
        call = Call(callback, args, context)
        if self.alive:
            self._timeline.push(self._timeline.now + delay, self, call)
        return call

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, context: Context | None = None) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name or "", context=context)
        self.tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """A thread's work: done at once, its result there a moment later."""
        done = self.create_future()
        try:
            self.call_later(0.001, _settle, done.set_result, func(*args), done)
        except Exception as error:  # noqa: BLE001 - a thread hands over whatever it met
            self.call_later(0.001, _settle, done.set_exception, error, done)
        return done

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if self.alive and not isinstance(error, Killed):
            self.complaints.append(f"{self.name}: {context.get('message')}: {error!r}")

    def __del__(self) -> None:
        """There is nothing to close."""


def _nothing() -> None:
    return None


def _close(coro: Any) -> None:
    """End a coroutine, and what was handed to it if it has not begun."""
    given = list(coro.cr_frame.f_locals.values()) if coro.cr_frame is not None else []
    coro.close()
    for one in given:
        if asyncio.iscoroutine(one):
            one.close()


def _settle(settle: Callable[[Any], None], value: Any, done: asyncio.Future[Any]) -> None:
    if not done.done():
        settle(value)
