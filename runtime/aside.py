"""Aside: work that is not async and takes long, while the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

from stigmergy.protocols.legible import legible

T = TypeVar("T")


def ordinary(work: Callable[[], T]) -> T:
    """What user code returns. Raises: what it raises, as a RuntimeError if that would do more than fail a task."""
    why: BaseException
    try:
        return work()
    except StopIteration as error:
        why = error
    except Exception:
        raise
    except BaseException as error:  # noqa: BLE001 - it is raised again as what it is here
        why = error
    raise RuntimeError(f"it raised {type(why).__name__}: {legible(why)}") from why


async def aside(name: str, work: Callable[[], T]) -> T:
    """Do something in a thread of its own, called ``name``, and give what it returns or raises.

    Whoever is cancelled does not wait for it, nor does the process when it ends: one that never ends would keep a
    pool's place, and the process.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except StopIteration as end:  # no future takes that
            error = RuntimeError(f"it raised StopIteration: {legible(end)}")
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
