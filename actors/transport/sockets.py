"""Sockets: calls between two processes, past Ray.

A call of Ray costs both sides about a millisecond of CPU, whatever it carries; over a socket it costs a small part of
that. Ray still starts processes, tells them of each other's doors, says which of them live, and carries whatever a
socket cannot, because it broke or there is none. So a batch may come twice, once on each way, as it may within Ray: see
`Channel`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.errors import pack as pack_error
from stigmergy.protocols.errors import unpack as unpack_error

from .doors import Door, Home, Porch, connect
from .greeting import Guest, Porter
from .link import Handle, PeerUnavailable

CALL_TIMEOUT_S: Final = 30.0
"""A call between our processes that takes longer counts as unanswered; it is repeated, not lost.

Over a socket it is the last one: what is sent there again would only pile up, and Ray knows more of who hangs.
"""

KNOCK_AGAIN_S: Final = 60.0
"""How long calls go the other way before a door is tried again."""

STRANGERS: Final = 64
"""Connections that may be in the middle of a greeting; one more, and that which has taken longest is ended."""

_CALL: Final = 1
_ANSWER: Final = 2
_ERROR: Final = 3

_NUMBERS: Final = 1 << 32

Receive = Callable[[bytes], Coroutine[Any, Any, bytes]]


class Listener:
    """The end that is called."""

    def __init__(self, receive: Receive, home: Home) -> None:
        """``receive`` takes what a call carries and gives what goes back; what it raises goes back, too."""
        self._receive = receive
        self._porch = Porch(home)
        self._visitors: dict[_Visitor, None] = {}
        self.door = self._porch.door

    async def open(self) -> None:
        """Let callers in."""
        await self._porch.open(lambda: _Visitor(self._receive, self.door.secret, self._visitors))

    def close(self) -> None:
        """Let nobody in any more, and end what is open."""
        self._porch.close()
        for visitor in list(self._visitors):
            visitor.abort()


class _Visitor(Porter):
    """A caller, at the end that is called."""

    def __init__(self, receive: Receive, secret: bytes, visitors: dict[_Visitor, None]) -> None:
        super().__init__(secret)
        self._receive = receive
        self._visitors = visitors
        self._serving: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._visitors[self] = None
        strangers = [visitor for visitor in self._visitors if not visitor.known]
        for visitor in strangers[:-STRANGERS]:
            visitor.abort()

    def connection_lost(self, why: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        super().connection_lost(why)
        self._visitors.pop(self, None)

    def hear(self, number: int, kind: int, data: bytes) -> None:
        """See `Greeted`."""
        if kind == _CALL:
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


class Caller(Guest):
    """The end that calls."""

    def __init__(self, name: str, secret: bytes) -> None:
        """``name`` is that of who is called, for errors."""
        super().__init__(secret)
        self._name = name
        self._number = 0
        self._calls: dict[int, asyncio.Future[bytes]] = {}

    def connection_lost(self, why: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        super().connection_lost(why)
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

    def hear(self, number: int, kind: int, data: bytes) -> None:
        """See `Greeted`."""
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
            self.abort()
            self._fail(call, f"no answer within {CALL_TIMEOUT_S:g} s")

    def _fail(self, call: asyncio.Future[bytes], reason: str) -> None:
        if not call.done():
            call.set_exception(PeerUnavailable(f"{self._name}: {reason}"))
            call.exception()  # nobody may be waiting


class Direct:
    """A `Handle` that calls through a door while there is a way, and otherwise as another handle does."""

    def __init__(self, name: str, otherwise: Handle, door: Door | None, home: Home) -> None:
        """``home`` is where this process is."""
        self._name = name
        self._otherwise = otherwise
        self._door = door
        self._home = home
        self._caller: Caller | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._next_knock = 0.0
        self._knock()

    @property
    def up(self) -> bool:
        """Whether calls go through the door."""
        return self._caller is not None and self._caller.known

    def receive(self, data: bytes) -> Coroutine[Any, Any, bytes]:
        """See `Handle.receive`."""
        caller = self._caller
        if caller is not None and caller.known:
            return caller.call(data)
        self._knock()
        return self._otherwise.receive(data)

    def close(self) -> None:
        """Call through the door no more."""
        self._door = None
        if self._connecting is not None:
            self._connecting.cancel()
        if self._caller is not None:
            self._caller.abort()

    def _knock(self) -> None:
        """Try to get in, unless that was just tried: whoever was too busy to answer may not always be."""
        door = self._door
        if door is None or (now := asyncio.get_running_loop().time()) < self._next_knock:
            return
        self._next_knock = now + KNOCK_AGAIN_S
        caller = self._caller = Caller(self._name, door.secret)
        self._connecting = asyncio.get_running_loop().create_task(connect(door, self._home, lambda: caller))
