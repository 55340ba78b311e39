"""Forks: a child that a process forks has all its connections, too, and would hold them open after it has died.

So a child lets go of them before anything else runs in it, and whoever is at the other end sees its peer die at once.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol
from weakref import WeakSet


class Held(Protocol):
    """Something open, by its number; -1 once it is closed."""

    def fileno(self) -> int:
        """Its number."""
        ...


_HELD: Final[WeakSet[Held]] = WeakSet()
"""Per process, as forks are: what a child is to let go of."""


def keep_from_children(held: Held) -> None:
    """See to it that children that are forked from now on do not have this."""
    _HELD.add(held)


class Numbered:
    """A connection that somebody else has made in this process, and keeps for as long as that lives."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """See `Held`."""
        return self._number


def connections_to(name: str) -> list[Numbered]:
    """Those to Unix sockets of that name, in whatever folder; none where the system does not list what is open."""
    numbers = [int(entry.name) for entry in _OPEN.iterdir()] if _OPEN.is_dir() else []
    return [Numbered(number) for number in numbers if _peer(number).endswith(f"/{name}")]


def _peer(number: int) -> str:
    """The other end of a socket; empty for what is none."""
    with suppress(OSError):
        connection = socket.socket(fileno=number)
        try:
            return str(connection.getpeername())
        finally:
            connection.detach()  # it is not ours to close
    return ""


_OPEN: Final = Path("/proc/self/fd")


def _let_go() -> None:
    """In the child. Numbers stay taken: it has objects of its parent that will close them once more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for held in _HELD:
        if (number := held.fileno()) >= 0:
            os.dup2(nothing, number, inheritable=False)
    os.close(nothing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
