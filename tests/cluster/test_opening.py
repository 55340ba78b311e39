"""Processes that take long to open: one that works is waited for, and one that does nothing is not."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import pytest_asyncio

from stigmergy.actors.transport import handles
from stigmergy.actors.transport.handles import RayProcess, actor_with
from stigmergy.actors.transport.link import PeerUnavailable
from stigmergy.actors.transport.services import named

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


class Idle:
    """A service that says nothing."""

    def health(self) -> dict[str, Any]:
        return {"idle": True}

    async def close(self) -> None:
        pass


def open_after_work(config: dict[str, Any]) -> Idle:
    until = time.process_time() + config["s"]
    while time.process_time() < until:
        sum(range(10_000))
    return Idle()


def open_never(_config: dict[str, Any]) -> Idle:
    threading.Event().wait()
    return Idle()


@pytest_asyncio.fixture
async def process(monkeypatch):
    monkeypatch.setattr(handles, "OPEN_TIMEOUT_S", 3.0)
    monkeypatch.setattr(handles, "BUSY_S", 0.3)
    process = RayProcess("slow", actor_with({}))
    await process.health(60.0)  # it is up
    yield process
    process.kill()


async def test_a_process_that_works_is_waited_for(process):
    await process.open(named(open_after_work), {"s": 7.0})
    assert (await process.health())["idle"]


async def test_a_process_that_does_nothing_is_given_up(process):
    with pytest.raises(PeerUnavailable, match="slow has done nothing for 3 s"):
        await process.open(named(open_never), {})
