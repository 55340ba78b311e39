"""The greeting of two processes: each shows that it knows the secret of the door, and neither says it.

A challenge and response in both directions, with HMAC-SHA-256 (RFC 2104): who calls gives a nonce; who is called gives
another, and the code of both; who calls checks that code, and gives one of its own. So a stranger is not heard, and one
who listens where our process has ended learns nothing and is not believed.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from typing import Final

from .framing import Frames

GREETING: Final = 0
"""The kind of frame that a greeting is."""

GREETING_S: Final = 5.0
"""Who has not greeted by then is sent away."""

_NONCE: Final = 32


class Greeted(Frames):
    """A connection on which only those are heard that know the secret."""

    def __init__(self, secret: bytes) -> None:
        super().__init__()
        self.known = False
        """Whether the other end has shown that it knows the secret."""
        self._secret = secret
        self._mine = secrets.token_bytes(_NONCE)
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._patience = asyncio.get_running_loop().call_later(GREETING_S, self._lose_patience)

    def connection_lost(self, _why: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.abort()
        if self._patience is not None:
            self._patience.cancel()

    def take(self, number: int, kind: int, data: bytes) -> None:
        """See `Frames`."""
        if self.known:
            self.hear(number, kind, data)
        elif kind != GREETING or not self.greet(data):
            self.abort()

    def greet(self, data: bytes) -> bool:
        """Take a part of the greeting. False when it is none."""
        raise NotImplementedError

    def hear(self, number: int, kind: int, data: bytes) -> None:
        """Take a frame of who is known."""
        raise NotImplementedError

    def welcome(self) -> None:
        """The other end is known."""
        self.known = True
        self.trust()

    def code(self, role: bytes, nonces: bytes) -> bytes:
        """What only who knows the secret can say of two nonces, as ``caller`` or ``called``."""
        return hmac.digest(self._secret, role + nonces, "sha256")

    def abort(self) -> None:
        """See `Frames`."""
        self.known = False
        super().abort()

    def _lose_patience(self) -> None:
        if not self.known:
            self.abort()


class Guest(Greeted):
    """The end that calls."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.put(0, GREETING, self._mine)

    def greet(self, data: bytes) -> bool:
        """See `Greeted`."""
        nonces, said = self._mine + data[:_NONCE], data[_NONCE:]
        if not hmac.compare_digest(self.code(b"called", nonces), said):
            return False
        self.put(0, GREETING, self.code(b"caller", nonces))
        self.welcome()
        return True


class Porter(Greeted):
    """The end that is called."""

    _nonces = b""

    def greet(self, data: bytes) -> bool:
        """See `Greeted`."""
        if not self._nonces:
            self._nonces = data + self._mine
            self.put(0, GREETING, self._mine + self.code(b"called", self._nonces))
            return len(data) == _NONCE
        if not hmac.compare_digest(self.code(b"caller", self._nonces), data):
            return False
        self.welcome()
        return True
