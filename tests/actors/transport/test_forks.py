"""Connections end with their process, whatever children it has forked."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from stigmergy.actors.transport.doors import door_of
from stigmergy.actors.transport.forks import connections_to
from stigmergy.actors.transport.link import PeerUnavailable
from stigmergy.actors.transport.sockets import Direct, Listener
from stigmergy.protocols.codec import pack

from .test_sockets import HERE, Ray, until

FORKS = f"""
import asyncio, os, signal
from {__name__} import answer_forking
asyncio.run(answer_forking())
"""


async def answer_forking() -> None:
    """Say the door; whoever calls gets the number of a child that was forked for it, or waits for ever."""

    async def receive(data: bytes) -> bytes:
        if data == b"wait":
            await asyncio.Event().wait()
        child = os.fork()
        if not child:
            signal.pause()
        return str(child).encode()

    listener = Listener(receive, HERE)
    await listener.open()
    print(pack(listener.door).hex(), flush=True)
    await asyncio.Event().wait()


@pytest.fixture
def forking():
    """The process of such a one, and its door."""
    with subprocess.Popen([sys.executable, "-c", FORKS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, door_of(bytes.fromhex(process.stdout.readline()))
        process.kill()


async def test_the_death_of_a_process_is_noticed_though_a_child_that_it_forked_lives_on(forking):
    process, door = forking
    near = Direct("two", Ray(), door, HERE)
    await until(lambda: near.up)
    child = int(await near.receive(b"fork"))
    call = asyncio.ensure_future(near.receive(b"wait"))
    await asyncio.sleep(0)
    process.kill()
    try:
        with pytest.raises(PeerUnavailable, match="two: the connection has ended"):
            await call
        assert await near.receive(b"abc") == b"by ray"
    finally:
        os.kill(child, signal.SIGKILL)


def test_connections_that_others_have_made_are_found_by_the_name_of_the_socket(tmp_path):
    with socket.socket(socket.AF_UNIX) as there, socket.socket(socket.AF_UNIX) as other:
        made = []
        for listening, name in ((there, "raylet"), (other, "not-raylet")):
            listening.bind(str(tmp_path / name))
            listening.listen()
            made.append(socket.socket(socket.AF_UNIX))
            made[-1].connect(str(tmp_path / name))
        with made[0], made[1]:
            assert [found.fileno() for found in connections_to("raylet")] == [made[0].fileno()]
