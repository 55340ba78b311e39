"""A board that dies is opened again from its journal; what was on its way to it arrives once and in order."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from stigmergy.protocols import Resources
from stigmergy.runtime import Plant, Swarm
from tests.runtime.cast import Alone, Diary, Echo, Heard, Say

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


async def test_a_killed_board_is_opened_again_and_nothing_is_lost_or_done_twice(tmp_path):
    events: list[str] = []
    async with Swarm(journal=tmp_path, plant=Plant(hosts=1), on_event=lambda name, _: events.append(name)) as swarm:
        swarm.add(Diary)
        swarm.add(Echo)
        await swarm.start()
        for first in (0, 50):
            told = [asyncio.ensure_future(swarm.tell("diary/one", Say(text=str(first + n)))) for n in range(50)]
            await asyncio.sleep(0)
            await _kill_board(swarm)
            assert len({await one for one in told}) == 50
        assert (await swarm.ask("echo/one", Say(text="there"), reply=Heard)).text == "there!"
        diary = await swarm.ask("diary/one", Heard(text=""), reply=Heard)
        assert diary.text == ",".join(map(str, range(100)))
        assert (events.count("board_lost"), events.count("board_started")) == (2, 2)
        assert swarm.stopped is None


async def test_asks_that_wait_while_the_board_dies_are_answered(tmp_path):
    async with Swarm(journal=tmp_path, plant=Plant(hosts=1)) as swarm:
        swarm.add(Alone, resources=Resources(own_process=True))
        await swarm.start()
        asks = [swarm.ask(f"alone/{key}", Say(text="?"), reply=Heard, timeout_s=90) for key in "ab"]
        waiting = [asyncio.ensure_future(ask) for ask in asks]
        await asyncio.sleep(0)
        await _kill_board(swarm)
        assert [(await ask).text for ask in waiting] == ["alone/a", "alone/b"]


async def test_the_death_of_a_board_without_a_journal_stops_the_swarm():
    stopped = asyncio.Event()
    plant = Plant(hosts=1)
    async with Swarm(plant=plant, on_event=lambda name, _: stopped.set() if name == "stopped" else None) as swarm:
        swarm.add(Echo)
        await swarm.ask("echo/one", Say(text="?"), reply=Heard)
        await _kill_board(swarm)
        await stopped.wait()
        assert swarm.stopped is not None
        assert swarm.stopped[0] == "failure"


async def _kill_board(swarm: Swarm) -> None:
    async with asyncio.timeout(60):
        while "board" not in (known := await swarm.processes()):  # noqa: ASYNC110 - a busy one is left out
            await asyncio.sleep(0)
    os.kill(known["board"]["pid"], signal.SIGKILL)
