"""Interrupts: what Ctrl-C and SIGTERM do. The first one stops a run in good order, the second one at once.

In good order means: the swarms stop, which ends the app's waits with `SwarmStopped`, and the app
gets time to hand in what it has. An app that does not is cancelled; so is one whose swarms cannot be told, because they
have ended, or cannot begin.

A swarm that stands still in a handler cannot be stopped so: the line that has not returned is named, and what helps.

At once means that nobody is asked any more: a child process reads from the journals what the run came to, prints it and
how to go on, and may take 5 s for that. It is another process because this one writes its journals, or hangs.

Signals are read by a thread of their own, from the descriptor that Python's C code writes to:
starting Ray keeps the main thread in C for seconds, and there no Python handler runs.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from stigmergy.protocols.errors import StigmergyError

from ..sentry import BEAT_S, Sentry
from ..swarm import Swarm
from .exits import Exit
from .text import first_line

GRACE_S: Final = 10.0
"""How long an app may take to hand in what it has, once its swarms have begun."""

OPENING_S: Final = 60.0
"""How long a swarm that was told to stop may go on opening: twice the 30 s for which a board that finds its journal
locked or its server away tries again, so opening ends by itself where it can."""

LAST_WORDS_S: Final = 5.0

STOP_S: Final = 3.0
"""How long a swarm may take to say that it has stopped."""

LOOK_S: Final = 0.1
"""How long until one looks again whether the app has made another swarm."""


REPEAT_S = 0.1
"""The same once more within this is no second one: `timeout` sends it to its child, and then to all of its group."""

STOPS: Final[Mapping[int, str]] = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
"""What stops a run, as people call it: a terminal sends the one, whoever runs services the other."""


class Interrupts:
    """Listens for Ctrl-C and SIGTERM while one task runs. Used in the main thread."""

    def __init__(
        self,
        swarms: Callable[[], Sequence[Swarm]],
        say: Callable[[str], None],
        leave: Callable[[], None],
        last_words: Callable[[str], None],
    ) -> None:
        """``leave`` puts the terminal in order before the process ends at once.

        ``last_words`` runs in a child, and is told what ended the process.
        """
        self._swarms, self._say, self._leave, self._last_words = swarms, say, leave, last_words
        self._stopping: asyncio.Task[None] | None = None
        self.count = 0
        """How often it was told to stop."""
        self._first = ""
        """What told it first."""
        self._acknowledged = 0.0
        """When that was said."""

    @contextmanager
    def watching(self, task: asyncio.Task[Any]) -> Iterator[None]:
        """Watch over a task."""
        loop = asyncio.get_running_loop()
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        words = (reader, loop, task, Sentry(self._stands_still))
        thread = threading.Thread(target=self._listen, args=words, name="ctrl-c", daemon=True)
        handlers = {number: signal.signal(number, lambda _signal, _frame: None) for number in STOPS}
        wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(writer)
            thread.join()
            os.close(reader)

    def _listen(self, reader: int, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], sentry: Sentry) -> None:
        for number in self._heard(reader, sentry):
            what = STOPS.get(number)
            if what is None or (what == self._first and time.monotonic() - self._acknowledged < REPEAT_S):
                continue
            self.count += 1
            if self.count > 1:
                with suppress(Exception):
                    self._leave()
                    both = f"{what}, twice" if what == self._first else f"{self._first}, then {what}"
                    _in_child(partial(self._last_words, both))
                os._exit(Exit.INTERRUPTED)
            # Here and not on the loop, which an agent or the start of Ray may keep busy.
            self._first = what
            self._say(f"{what}: stopping in good order; a second one stops at once")
            self._acknowledged = time.monotonic()
            loop.call_soon_threadsafe(self._begin, task)

    def _heard(self, reader: int, sentry: Sentry) -> Iterator[int]:
        """Signals by number, until their writer is closed; after the first one it is watched whether anything moves."""
        while True:
            if self.count and not select.select([reader], [], [], BEAT_S)[0]:
                sentry.look()
            elif number := os.read(reader, 1):
                yield number[0]
            else:
                return

    def _stands_still(self, at: str, seconds: float) -> None:
        self._say(
            f"{at} has not returned for {seconds:.0f} s, and nothing else goes on: only a second {self._first} stops it"
        )

    def _begin(self, task: asyncio.Task[Any]) -> None:
        self._stopping = asyncio.get_running_loop().create_task(self._stop(task))

    async def _stop(self, task: asyncio.Task[Any]) -> None:
        try:
            await self._wait_for(task)
        finally:
            task.cancel()

    async def _wait_for(self, task: asyncio.Task[Any]) -> None:
        told: list[bool] = []
        opening_until = time.monotonic() + OPENING_S
        until = time.monotonic() + GRACE_S
        while not task.done() and time.monotonic() < until:
            told += [await self._tell(swarm) for swarm in self._swarms()[len(told) :]]  # an app may go on to make more
            if not any(told):
                break
            if any(swarm.is_opening for swarm in self._swarms()):
                if time.monotonic() > opening_until:
                    break
                until = time.monotonic() + GRACE_S
            await asyncio.wait([task], timeout=LOOK_S)

    async def _tell(self, swarm: Swarm) -> bool:
        """Tell a swarm to stop, now or as soon as it has begun; whether it could be told."""
        if swarm.has_closed:
            return False
        try:
            if swarm.stopped is None:
                await asyncio.wait_for(swarm.stop("user", self._first), STOP_S)
        except (StigmergyError, TimeoutError):
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, the app has to end
            self._say(f"a swarm could not be told to stop ({type(error).__name__}: {first_line(str(error))})")
            return False
        return True


def _in_child(work: Callable[[], None]) -> None:
    """Do something in a child of this process, for 5 s at most."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            # A thread that is not here any more may have held the lock of the old one.
            sys.stderr = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1, encoding="utf-8")
            work()
        os._exit(0)
    until = time.monotonic() + LAST_WORDS_S
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)
