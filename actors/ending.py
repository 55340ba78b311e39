"""Ending: what ends a task of ours, and what is only raised or cancelled by the user code that runs in it.

The rule of this file: user code may raise whatever it likes, and cancel its own task; either fails its turn. A task
ends when its host closes, or its event loop.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Final

FAREWELL_S: Final = 10.0
"""How long a host that closes waits for user code: for what it has cancelled, and for each ``on_stop``."""

GRACE_S: Final = 1.0
"""How long an ``on_stop`` that took too long has for its own end."""

UNENDING: Final = "what they do does not end when it is cancelled"
"""Why a host closed without some agents,"""

UNHEARD: Final = "their on_stop takes too long"
"""or without hearing them out."""

NAMED: Final = 5
"""Agents that are named in one line."""


def is_stopping(heart: asyncio.Task[None] | None) -> bool:
    """Whether a host ends, by its heartbeat: who closes it cancels that, and so does an event loop that ends."""
    return heart is not None and (heart.done() or heart.cancelling() > 0)


def is_closing(error: BaseException) -> bool:
    """Whether a coroutine that catches this is being closed: it was raised at its own await, not in what that ran."""
    return type(error) is GeneratorExit and (error.__traceback__ is None or error.__traceback__.tb_next is None)


async def recovered(ending: Callable[[], bool]) -> None:
    """Take back what user code has cancelled this task with, whether it has met that or not.

    Raises: CancelledError when the task is to end.
    """
    task = asyncio.current_task()
    if task is None or not task.cancelling():
        return
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        if ending():
            raise
    while task.cancelling():
        task.uncancel()


async def cancelled(tasks: Iterable[asyncio.Task[Any]], most_s: float) -> set[asyncio.Task[Any]]:
    """Cancel tasks and wait until they have ended. Returns those that have not: see `cut_off`."""
    all_of_them = set(tasks)
    for task in all_of_them:
        task.cancel()
        task.add_done_callback(_hear)
    return (await asyncio.wait(all_of_them, timeout=most_s))[1] if all_of_them else set()


def cut_off(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Close what does not end when it is cancelled, where it stands: its event loop would wait for it for ever."""
    for task in tasks:
        with suppress(BaseException):  # whatever it does then, it has had its time
            task.get_coro().close()
        task.cancel()


async def farewell(on_stop: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Let user code say goodbye: 10 s at most, in a task of its own. Returns what it failed with."""
    task = asyncio.get_running_loop().create_task(_caught(on_stop))
    try:
        if (await asyncio.wait([task], timeout=FAREWELL_S))[0]:
            return task.result()
    except asyncio.CancelledError:
        task.cancel()
        raise
    cut_off(await cancelled([task], GRACE_S))
    return TimeoutError(f"it took longer than {FAREWELL_S:g} s")


def warn_of(agents: Iterable[str], what: str) -> None:
    """Say which agents have held up the end of their host."""
    names = sorted(set(agents))
    if names:
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        warnings.warn(f"closed without {', '.join(names[:NAMED])}{more}: {what}", RuntimeWarning, stacklevel=2)


async def _caught(call: Callable[[], Awaitable[None]]) -> BaseException | None:
    try:
        await call()
    except BaseException as error:
        if is_closing(error):
            raise
        return error
    return None


def _hear(task: asyncio.Task[Any]) -> None:
    """Nobody else will hear what it ended with."""
    if not task.cancelled():
        task.exception()
