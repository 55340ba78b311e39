"""A swarm outlives its board's process and its journal's server: a successor opens the journal where it lies."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from stigmergy.runtime import Plant, Swarm
from tests.postgres_server import PostgresServer
from tests.runtime.cast import Echo, Heard, Say

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


async def test_a_killed_board_and_a_crashed_server_cost_no_answer(tmp_path, monkeypatch, postgres: PostgresServer):
    monkeypatch.chdir(tmp_path)
    events: list[str] = []
    plant = Plant(hosts=1)
    async with Swarm(journal=postgres.url, plant=plant, on_event=lambda name, _: events.append(name)) as swarm:
        swarm.add(Echo)
        assert await heard(swarm) == 1

        os.kill((await swarm.processes())["board"]["pid"], signal.SIGKILL)
        assert await heard(swarm) == 2

        await asyncio.to_thread(postgres.ours().stop, "immediate")
        asked = asyncio.ensure_future(heard(swarm))
        await asyncio.sleep(0)
        await asyncio.to_thread(postgres.ours().start)
        assert await asked == 3
        assert swarm.stopped is None
        folder = swarm.folder
    assert [name for name in events if name.startswith("board")] == ["board_lost", "board_started"] * 2
    assert folder is not None
    view = folder.view()
    assert (view.epoch, [entry.kind for entry in view.read()].count("mail.done")) == (3, 3)
    view.close()


async def heard(swarm: Swarm) -> int:
    """How often the agent has been asked, this time included."""
    return (await swarm.ask("echo/one", Say(text="?"), reply=Heard, timeout_s=60)).n
