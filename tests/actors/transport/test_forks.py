"""Connections end with their process, whatever children it has forked."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import pytest

from stigmergy.actors.transport.doors import door_of
from stigmergy.actors.transport.forks import connections_to
from stigmergy.actors.transport.link import PeerUnavailable
from stigmergy.actors.transport.sockets import Direct

from . import forks
from .forks import HERE
from .test_sockets import Ray, until


@pytest.fixture
def forking(forker, tmp_path):
    """The process of one who forks a child for whoever calls, and its door."""
    with forker.start(tmp_path, [forks.__file__]) as process:
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
