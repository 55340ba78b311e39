"""Sockets: calls between two processes of one machine.

A call of Ray costs both sides about a millisecond of CPU, whatever it carries; over a Unix socket it costs a small part
of that. Ray still starts processes, says which of them live, and carries what goes to other machines; and whatever a
socket cannot do, because it broke or there is none, goes through Ray as well. So a batch may come twice, once on each
way, as it may within Ray: see `Channel`.

The first frame of a caller is the secret that it was told through Ray: nobody else on the machine is let in.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, NamedTuple

from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.errors import pack as pack_error
from stigmergy.protocols.errors import unpack as unpack_error

from .framing import Frames
from .link import Handle, PeerUnavailable

CALL_TIMEOUT_S: Final = 30.0
"""A call between our processes that takes longer counts as unanswered; it is repeated, not lost."""

_CALL: Final = 0
_ANSWER: Final = 1
_ERROR: Final = 2

_NUMBERS: Final = 1 << 32
_BACKLOG: Final = 128

Receive = Callable[[bytes], Coroutine[Any, Any, bytes]]


class Door(NamedTuple):
    """Where a process can be called."""

    machine: str
    """Only who knows its own machine by the same name comes in here."""
    address: str
    secret: str


NO_DOOR: Final = pack(None)
"""What a process says that cannot be called so."""


def door_of(data: bytes) -> Door | None:
    """A door, as it was said by another process."""
    fields = unpack(data)
    return None if fields is None else Door(*fields)


class Listener:
    """The end that is called."""

    def __init__(self, receive: Receive, machine: str) -> None:
        """``receive`` takes what a call carries and gives what goes back; what it raises goes back, too."""
        self.door: Door | None = None
        """None where there are no such sockets."""
        self._receive = receive
        self._visitors: set[_Visitor] = set()
        self._server: asyncio.Server | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        if not hasattr(socket, "AF_UNIX"):
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(address := self._address())
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            return
        self._socket.setblocking(False)  # noqa: FBT003 - its only argument
        self.door = Door(machine, address, secrets.token_hex(32))

    async def open(self) -> None:
        """Let callers in."""
        if self.door is not None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(self._visitor, sock=self._socket)

    def close(self) -> None:
        """Let nobody in any more, and end what is open."""
        if self._server is not None:
            self._server.close()
        elif self.door is not None:
            self._socket.close()
        if self._folder is not None:
            self._folder.cleanup()
        for visitor in list(self._visitors):
            visitor.abort()

    def _visitor(self) -> _Visitor:
        secret = "" if self.door is None else self.door.secret
        return _Visitor(self._receive, secret.encode(), self._visitors)

    def _address(self) -> str:
        """On Linux a name that ends with its process; elsewhere a file in a folder that is closed to others."""
        name = f"{os.getpid()}-{secrets.token_hex(8)}"
        if sys.platform == "linux":
            return f"\0stigmergy-{name}"
        self._folder = tempfile.TemporaryDirectory(prefix=f"stig-{os.getpid()}-", ignore_cleanup_errors=True)
        return str(Path(self._folder.name) / name)


class _Visitor(Frames):
    """A caller, at the end that is called."""

    def __init__(self, receive: Receive, secret: bytes, visitors: set[_Visitor]) -> None:
        super().__init__()
        self._receive = receive
        self._secret = secret
        self._visitors = visitors
        self._known = False
        self._serving: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._visitors.add(self)

    def connection_lost(self, _why: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._transport = None
        self._visitors.discard(self)

    def take(self, number: int, kind: int, data: bytes) -> None:
        """See `Frames`."""
        if not self._known:
            self._known = hmac.compare_digest(data, self._secret)
            if not self._known:
                self.abort()
        elif kind == _CALL:
            serving = asyncio.get_running_loop().create_task(self._serve(number, data))
            self._serving.add(serving)
            serving.add_done_callback(self._serving.discard)

    async def _serve(self, number: int, data: bytes) -> None:
        try:
            answer = await self._receive(data)
        except Exception as error:  # noqa: BLE001 - who called hears of it
            self.put(number, _ERROR, pack(pack_error(error)))
        else:
            self.put(number, _ANSWER, answer)


class Caller(Frames):
    """The end that calls."""

    def __init__(self, name: str, secret: str) -> None:
        """``name`` is that of who is called, for errors."""
        super().__init__()
        self._name = name
        self._secret = secret.encode()
        self._number = 0
        self._calls: dict[int, asyncio.Future[bytes]] = {}

    @property
    def up(self) -> bool:
        """Whether calls can be made."""
        return self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.put(0, _CALL, self._secret)

    def connection_lost(self, _why: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._transport = None
        calls, self._calls = self._calls, {}
        for call in calls.values():
            self._fail(call, "the connection has ended")

    def call(self, data: bytes) -> Coroutine[Any, Any, bytes]:
        """See `Handle.receive`. Raises: PeerUnavailable, or what the other end raised."""
        loop = asyncio.get_running_loop()
        self._number = number = (self._number + 1) % _NUMBERS
        call = self._calls[number] = loop.create_future()
        self.put(number, _CALL, data)
        late = loop.call_later(CALL_TIMEOUT_S, self._late, number)
        return self._answer(number, call, late)

    async def _answer(self, number: int, call: asyncio.Future[bytes], late: asyncio.TimerHandle) -> bytes:
        try:
            return await call
        finally:
            late.cancel()
            self._calls.pop(number, None)

    def take(self, number: int, kind: int, data: bytes) -> None:
        """See `Frames`."""
        call = self._calls.pop(number, None)
        if call is None or call.done():
            return
        if kind == _ANSWER:
            call.set_result(data)
        else:
            call.set_exception(unpack_error(*unpack(data)))
            call.exception()

    def _late(self, number: int) -> None:
        call = self._calls.pop(number, None)
        if call is not None:
            self._fail(call, f"no answer within {CALL_TIMEOUT_S:g} s")

    def _fail(self, call: asyncio.Future[bytes], reason: str) -> None:
        if not call.done():
            call.set_exception(PeerUnavailable(f"{self._name}: {reason}"))
            call.exception()  # nobody may be waiting


class Nearby:
    """A `Handle` that calls through a door while it is open, and otherwise as another handle does."""

    def __init__(self, name: str, otherwise: Handle, door: Door | None, machine: str) -> None:
        """``machine`` is that of who calls."""
        self.near = door is not None and door.machine == machine
        """Whether who is called is on the same machine, and can be called there."""
        self._otherwise = otherwise
        self._caller: Caller | None = None
        self._connecting: asyncio.Task[None] | None = None
        if door is not None and self.near:
            self._caller = Caller(name, door.secret)
            self._connecting = asyncio.get_running_loop().create_task(self._connect(self._caller, door.address))

    @property
    def up(self) -> bool:
        """Whether calls go through the door."""
        return self._caller is not None and self._caller.up

    def receive(self, data: bytes) -> Coroutine[Any, Any, bytes]:
        """See `Handle.receive`."""
        caller = self._caller
        return caller.call(data) if caller is not None and caller.up else self._otherwise.receive(data)

    def close(self) -> None:
        """Call through the door no more."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._caller is not None:
            self._caller.abort()

    async def _connect(self, caller: Caller, address: str) -> None:
        there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        there.setblocking(False)  # noqa: FBT003 - its only argument
        try:
            there.connect(address)  # a queue that is full refuses at once
            await asyncio.get_running_loop().create_unix_connection(lambda: caller, sock=there)
        except OSError:
            there.close()
