"""A limit on how long a handler runs, which costs nothing when it does not wait.

The rule of this file: work is stepped once before anything is set up for it, as most handlers have
ended by then; the rest of it is stepped by the same task, so nobody inside can tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

from stigmergy.protocols.errors import DeadlineExceeded

R = TypeVar("R")


async def limited(work: Coroutine[Any, Any, R], seconds: float, who: str) -> R:
    """What ``work`` returns. Raises: DeadlineExceeded when it takes longer, and what it raises."""
    try:
        awaited = work.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await _rest(work, awaited)
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceeded(f"{who} took longer than {seconds:g} s") from None


@coroutine
def _rest(work: Coroutine[Any, Any, R], awaited: Any) -> Generator[Any, Any, R]:
    """Go on with work that waits for ``awaited``. What it waits for is handed up as it is (PEP 380)."""
    while True:
        try:
            try:
                sent = yield awaited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is thrown into the work, where it belongs
                awaited = work.throw(error)
            else:
                awaited = work.send(sent)
        except StopIteration as end:
            result: R = end.value
            return result
