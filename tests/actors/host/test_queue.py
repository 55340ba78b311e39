"""The run queue of a host: everybody has turns, and after a stretch the event loop has one."""

from __future__ import annotations

import asyncio
import sys

import pytest

from stigmergy.actors.host.cell import Cell
from stigmergy.actors.host.queue import RunQueue

STRETCH = 3


class Work:
    """Cells that each want some turns, and how often the event loop had turned when they had them."""

    def __init__(self, stretch=STRETCH, **wanted):
        self.had: list[str] = []
        self.loop_turns: list[int] = []
        self.fails = ""
        self._left = wanted
        self._turned = 0
        self.queue = RunQueue(self._run, stretch)
        self.cells = {name: Cell(name) for name in wanted}
        for cell in self.cells.values():
            self.queue.add(cell)

    def _run(self, cell, most):
        if cell.agent == self.fails:
            raise RuntimeError(cell.agent)
        number = min(most, self._left[cell.agent])
        self._left[cell.agent] -= number
        self.had += [cell.agent] * number
        self.loop_turns += [self._turned] * number
        if self._left[cell.agent]:
            self.queue.add(cell)
        return number

    async def turn(self, times=9):
        for _ in range(times):
            self._turned += 1
            await asyncio.sleep(0)


async def test_a_cell_that_wants_more_than_a_stretch_has_the_rest_behind_the_others():
    work = Work(long=4, a=1, b=2)
    await work.turn()
    assert work.had == ["long", "long", "long", "a", "b", "b", "long"]


async def test_the_event_loop_turns_between_two_stretches():
    work = Work(a=1, b=2, c=2, d=1)
    await work.turn()
    first, second = work.loop_turns[:3], work.loop_turns[3:]
    assert len({*first}) == len({*second}) == 1
    assert first < second


async def test_without_a_stretch_everything_runs_in_one_go():
    work = Work(stretch=sys.maxsize, a=50, b=50)
    await work.turn()
    assert work.had == ["a"] * 50 + ["b"] * 50
    assert len({*work.loop_turns}) == 1


async def test_a_cell_that_is_in_the_queue_is_not_put_there_again():
    work = Work(a=2)
    work.queue.add(work.cells["a"])
    await work.turn()
    assert work.had == ["a", "a"]
    work._left["a"] = 1
    work.queue.add(work.cells["a"])
    await work.turn()
    assert work.had == ["a"] * 3


async def test_a_cell_whose_turn_raises_keeps_nobody_from_theirs():
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(str(context["exception"])))
    work = Work(bad=1, a=1)
    work.fails = "bad"
    await work.turn()
    assert (work.had, said) == (["a"], ["bad"])


@pytest.mark.parametrize("stretch", [1, sys.maxsize])
async def test_what_comes_while_turns_are_had_is_run_too(stretch):
    work = Work(stretch=stretch, a=1)
    work.cells["late"], work._left["late"] = Cell("late"), 1
    asyncio.get_running_loop().call_soon(work.queue.add, work.cells["late"])
    await work.turn()
    assert work.had == ["a", "late"]
