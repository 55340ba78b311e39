"""Ending: what ends a task of ours, and what is only raised or cancelled by the user code that runs in it.

The rule of this file: user code may raise whatever it likes, and cancel its own task; either fails its turn. A task
ends when its host closes, or its event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


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
