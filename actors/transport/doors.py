"""Doors: where a process listens, and how another one gets there.

On one machine the way is a Unix socket; between the nodes of a cluster it is TCP, under the address by which Ray knows
the node. Where neither leads anywhere, calls go through Ray.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from stigmergy.protocols.codec import pack, unpack

from .forks import keep_from_children

BACKLOG: Final = 128
"""Callers that may wait until they are let in; one more takes the other way."""

CONNECT_S: Final = 5.0

SILENCE_MS: Final = 30_000
"""A node that confirms nothing for so long is taken for cut off (TCP's user timeout, RFC 5482)."""


class Home(NamedTuple):
    """Where a process is."""

    machine: str
    """Two processes that call it the same see each other's Unix sockets."""
    host: str
    """The IP address under which other machines reach it; empty where none shall."""


NOWHERE: Final = Home("", "")


class Door(NamedTuple):
    """Where a process can be called."""

    machine: str
    near: str
    """The name of a Unix socket; empty where there are none."""
    host: str
    """An IP address; empty when no other machine can call."""
    port: int
    secret: bytes
    """Known to who was told of this door, and never said on the way: see `greeting`."""


NO_DOOR: Final = pack(None)
"""What a process says that has no door."""


def door_of(data: bytes) -> Door | None:
    """A door, as another process said it."""
    fields = unpack(data)
    return None if fields is None else Door(*fields)


class Porch:
    """The sockets behind a door."""

    def __init__(self, home: Home) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._servers: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        near, host, port = self._bind_near(), "", 0
        if home.host:
            host, port = home.host, self._bind_far(home.host)
        self.door = Door(home.machine, near, host if port else "", port, secrets.token_bytes(32))

    async def open(self, visitor: Callable[[], asyncio.Protocol]) -> None:
        """Let callers in: each is a ``visitor``."""
        loop = asyncio.get_running_loop()
        while self._sockets:
            there = self._sockets.pop()
            unix = hasattr(socket, "AF_UNIX") and there.family == socket.AF_UNIX
            serve = loop.create_unix_server if unix else loop.create_server
            self._servers.append(await serve(visitor, sock=there, backlog=BACKLOG))

    def close(self) -> None:
        """Let nobody in any more."""
        for server in self._servers:
            server.close()
        for there in self._sockets:
            there.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _bind_near(self) -> str:
        """On Linux a name that ends with its process; elsewhere a file in a folder that is closed to others."""
        if not hasattr(socket, "AF_UNIX"):
            return ""
        name = f"{os.getpid()}-{secrets.token_hex(8)}"
        if sys.platform == "linux":
            address = f"\0stigmergy-{name}"
        else:
            self._folder = tempfile.TemporaryDirectory(prefix=f"stig-{os.getpid()}-", ignore_cleanup_errors=True)
            address = str(Path(self._folder.name) / name)
        return address if self._bind(socket.AF_UNIX, address) else ""

    def _bind_far(self, host: str) -> int:
        """The port, which the kernel chooses; 0 when there is none."""
        there = self._bind(_family(host), (host, 0))
        return 0 if there is None else int(there.getsockname()[1])

    def _bind(self, family: int, address: object) -> socket.socket | None:
        with suppress(OSError), _closed_if_it_fails(_socket(family)) as there:
            there.bind(address)  # type: ignore[arg-type] # of its family
            there.listen(BACKLOG)
            keep_from_children(there)
            self._sockets.append(there)
            return there
        return None


async def connect(door: Door, home: Home, caller: Callable[[], asyncio.Protocol]) -> None:
    """Go to a door, near by if it is on the same machine. Nothing happens when there is no way."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_S):
            if door.machine == home.machine and door.near:
                await _connect_near(door.near, caller)
            elif home.host and door.host:
                await _connect_far(door.host, door.port, caller)


async def _connect_near(address: str, caller: Callable[[], asyncio.Protocol]) -> None:
    with _closed_if_it_fails(_socket(socket.AF_UNIX)) as there:
        there.connect(address)  # a queue that is full refuses at once
        await asyncio.get_running_loop().create_unix_connection(caller, sock=there)


async def _connect_far(host: str, port: int, caller: Callable[[], asyncio.Protocol]) -> None:
    loop = asyncio.get_running_loop()
    with _closed_if_it_fails(_socket(_family(host))) as there:
        await loop.sock_connect(there, (host, port))
        await loop.create_connection(caller, sock=there)


def _family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _socket(family: int) -> socket.socket:
    """One that blocks nobody; over TCP it, and what it accepts, ends when the other node is silent."""
    there = socket.socket(family, socket.SOCK_STREAM)
    there.setblocking(False)  # noqa: FBT003 - its only argument
    if family in {socket.AF_INET, socket.AF_INET6}:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            there.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MS)
    return there


@contextmanager
def _closed_if_it_fails(there: socket.socket) -> Iterator[socket.socket]:
    """Close a socket of which nothing comes."""
    try:
        yield there
    except BaseException:
        there.close()
        raise
