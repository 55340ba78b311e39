"""Work in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from stigmergy.runtime.app import Stage


async def test_it_gives_what_the_work_returns_or_raises_while_the_loop_goes_on():
    went_on = threading.Event()
    asyncio.get_running_loop().call_soon(went_on.set)
    assert await Stage().aside(lambda: went_on.wait(10))
    with pytest.raises(ZeroDivisionError):
        await Stage().aside(lambda: 1 / 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await Stage().aside(lambda: next(iter(())))


async def test_who_is_cancelled_does_not_wait_for_it():
    begun, over = threading.Event(), threading.Event()

    def work():
        begun.set()
        over.wait(10)

    task = asyncio.create_task(Stage().aside(work))
    assert await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert not over.is_set()
    over.set()


ENDS = """
import asyncio, threading
from stigmergy.runtime.app import Stage

async def main():
    begun = threading.Event()
    task = asyncio.create_task(Stage().aside(lambda: begun.set() or threading.Event().wait()))
    await asyncio.to_thread(begun.wait, 30)
    task.cancel()

asyncio.run(main())
"""


def test_a_process_that_ends_does_not_wait_for_it(tmp_path, forker):
    (tmp_path / "ends.py").write_text(ENDS)
    with forker.start(tmp_path, ["ends.py"]) as ran:
        assert (ran.wait(), ran.stderr.read()) == (0, "")
