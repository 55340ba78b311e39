"""Frames on a connection: a stream of bytes, cut into what was sent.

A frame is its length, the number of a call and a kind, in little-endian 4 + 4 + 1 bytes; then what it carries.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final, cast

from .channel import MAX_BYTES
from .forks import Held, keep_from_children

MOST: Final = 2 * MAX_BYTES
"""Bytes of a frame: a batch of 16 MiB, and what is written around it."""

FEW: Final = 128
"""Bytes of a frame of somebody who is not known yet."""

_HEAD: Final = struct.Struct("<IIB")


class Frames(asyncio.Protocol):
    """A connection, cut into frames."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._socket: Held | None = None
        self._rest = bytearray()
        self._most = FEW

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._socket = transport.get_extra_info("socket")
        keep_from_children(self)

    def fileno(self) -> int:
        """See `Held`."""
        return -1 if self._socket is None else self._socket.fileno()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        rest, at = self._rest, 0
        rest += data
        with memoryview(rest) as view:
            while len(rest) - at >= _HEAD.size:
                size, number, kind = _HEAD.unpack_from(rest, at)
                if size > self._most:
                    self.abort()
                    break
                end = at + _HEAD.size + size
                if end > len(rest):
                    break
                self.take(number, kind, bytes(view[at + _HEAD.size : end]))
                at = end
        del rest[:at]

    def put(self, number: int, kind: int, data: bytes) -> None:
        """Send a frame, unless the connection has ended."""
        if self._transport is not None:
            self._transport.writelines((_HEAD.pack(len(data), number, kind), data))

    def trust(self) -> None:
        """Who is at the other end is known: frames may be large."""
        self._most = MOST

    def take(self, number: int, kind: int, data: bytes) -> None:
        """A frame has come."""
        raise NotImplementedError

    def abort(self) -> None:
        """End the connection at once."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
