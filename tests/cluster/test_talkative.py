"""Processes that talk to a driver the moment they know it: they are heard once it knows them, until they have ended."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import pytest_asyncio

from stigmergy.actors.transport import handles
from stigmergy.actors.transport.handles import RayProcess, actor_with
from stigmergy.actors.transport.services import named
from stigmergy.actors.transport.sockets import Listener
from stigmergy.protocols import StigmergyError

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


class Talkative:
    """Calls its driver as soon as it can, and keeps the answer."""

    def __init__(self) -> None:
        self._talking: asyncio.Task[None] | None = None
        self.answer = asyncio.get_running_loop().create_future()

    def attach(self, _peer: str, handle: Any) -> None:
        self._talking = asyncio.get_running_loop().create_task(self._talk(handle))

    async def receive(self, _data: bytes) -> bytes:
        answer: bytes = await self.answer
        return answer

    def health(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None:
        pass

    async def _talk(self, handle: Any) -> None:
        while not handle.up:  # noqa: ASYNC110 - the other end is a socket
            await asyncio.sleep(0)
        try:
            self.answer.set_result(await handle.receive(b"hello"))
        except StigmergyError as error:
            self.answer.set_result(str(error).encode())


def open_talkative(_config: dict[str, Any]) -> Talkative:
    return Talkative()


class Listening:
    """A driver that knows nobody at first."""

    def __init__(self) -> None:
        self.knows = False
        self.understands = True
        self.loss: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def receive(self, data: bytes) -> bytes:
        if not self.understands:
            raise ValueError(data.decode())
        return data.upper() if self.knows else b""

    def deliver(self, data: bytes) -> None:
        raise AssertionError(data)

    def lost(self, _peer: str, reason: str) -> None:
        self.loss.set_result(reason)


@pytest_asyncio.fixture
async def process():
    process = RayProcess("talkative", actor_with({}))
    await process.open(named(open_talkative), {})
    yield process
    process.kill()


async def test_a_driver_is_not_called_before_it_knows_who_calls(process):
    driver = Listening()
    await process.attach_driver("client", driver)
    driver.knows = True  # as drivers do: at once
    assert await process.receive(b"what did it say?") == b"HELLO"


async def test_a_driver_that_does_not_understand_a_process_hears_that_it_has_lost_it(process):
    driver = Listening()
    driver.understands = False
    await process.attach_driver("client", driver)
    async with asyncio.timeout(30):
        assert await driver.loss == "what it said was not understood: ValueError: hello"
    assert await process.receive(b"what did it say?") == b"ValueError: hello"


async def test_no_door_of_a_driver_is_open_when_the_process_has_been_ended(process, monkeypatch):
    doors = []

    class Noted(Listener):
        def __init__(self, *how: Any) -> None:
            super().__init__(*how)
            doors.append(self.door)

    monkeypatch.setattr(handles, "Listener", Noted)
    for name in ("client", "client/gate"):
        await process.attach_driver(name, Listening())
    process.kill()
    for door in doors:
        with pytest.raises(ConnectionRefusedError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as there:
            there.connect(door.near)
    assert len(doors) == 2
