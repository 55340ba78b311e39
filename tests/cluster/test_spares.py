"""Spare processes: up before one that died has to be replaced."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from stigmergy.actors.transport import spares as module
from stigmergy.actors.transport.cluster import Cluster
from stigmergy.actors.transport.handles import RayProcess
from stigmergy.actors.transport.spares import Spares

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


async def test_a_process_that_is_needed_was_up_before_and_then_another_one_waits(monkeypatch):
    monkeypatch.setattr(module, "AFTER_S", 0.0)
    monkeypatch.setattr(module, "SETTLED_S", 3_600.0)
    node = Cluster("local", cores=2).here()
    spares, processes = Spares(("colorsys",)), []

    async def was_up(name: str) -> bool:
        before = {entry.name for entry in Path("/proc").iterdir()}  # noqa: ASYNC240 - it is on no disk
        processes.append(spares.process(name, node))
        return str((await processes[-1].health(30.0))["pid"]) in before

    for name in ("board", "host-1", "host-2"):  # Ray starts some workers with its first driver; now they are used
        await was_up(name)
    assert not await was_up("host-3"), "there is none yet: first everything else starts"
    monkeypatch.setattr(module, "SETTLED_S", 0.0)
    spares.close()
    spares = Spares(("colorsys",))
    assert not await was_up("host-4")
    for name in ("host-5", "host-6"):
        await RayProcess("spare", spares._ready[node].actor).health(30.0)
        assert await was_up(name)
    spares.close()
    for process in processes:
        process.kill()


async def test_a_spare_that_was_killed_is_replaced_by_a_process_that_lives(monkeypatch):
    monkeypatch.setattr(module, "AFTER_S", 0.0)
    monkeypatch.setattr(module, "SETTLED_S", 0.0)
    node = Cluster("local", cores=2).here()
    spares = Spares(("colorsys",))
    first = spares.process("host-1", node)
    await first.health(30.0)
    spare = spares._ready[node]
    pid = (await RayProcess("spare", spare.actor).health(30.0))["pid"]
    assert spare.lives
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while spare.lives:  # noqa: ASYNC110 - Ray tells of a death when it is asked
            await asyncio.sleep(0.05)
    second = spares.process("host-2", node)
    assert (await second.health(30.0))["pid"] != pid
    spares.close()
    for process in (first, second):
        process.kill()
