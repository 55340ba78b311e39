"""Aside: work that is not async and takes long, while the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


async def aside(name: str, work: Callable[[], T]) -> T:
    """Do something in a thread of its own, called ``name``, and give what it returns or raises.

    Whoever is cancelled does not wait for it, nor does the process when it ends: one that never ends would keep a
    pool's place, and the process.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - it belongs to whoever waits
            error = raised
        with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
            loop.call_soon_threadsafe(_tell, outcome, result, error)

    Thread(target=run, name=name, daemon=True).start()
    return await outcome


def _tell(outcome: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if outcome.done():
        return  # nobody waits any more
    if error is None:
        outcome.set_result(result)
    else:
        outcome.set_exception(error)
