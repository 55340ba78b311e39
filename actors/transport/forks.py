"""Forks: a child that a process forks has all its connections, too, and would hold them open after it has died.

So a child lets go of them before anything else runs in it, and whoever is at the other end sees its peer die at once.
"""

from __future__ import annotations

import os
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


def _let_go() -> None:
    """In the child. Numbers stay taken: it has objects of its parent that will close them once more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for held in _HELD:
        if (number := held.fileno()) >= 0:
            os.dup2(nothing, number, inheritable=False)
    os.close(nothing)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
