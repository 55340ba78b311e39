"""The performer port: what a host needs of whoever knows the user's classes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeAlias

from stigmergy.protocols.turn import Turn

from .desk import Desk

Begun: TypeAlias = Turn | Callable[[], Coroutine[Any, Any, Turn]]
"""A turn that has ended; or one that has to wait: call it, and await what it gives. Neither raises."""


class Performer(Protocol):
    """Turns deliveries into turns: knows the user's classes."""

    def begin(self, desk: Desk, state: bytes | None) -> Begun:
        """Run the handler for one delivery, where it stands if it need not wait. A failure is a turn too."""
        ...

    def keep(self, agent: str, state: bytes | None) -> None:
        """A turn has committed, and this is the state that it left; None when it changed nothing."""
        ...

    def take_back(self, agent: str) -> None:
        """Go back to the state that was last kept."""
        ...

    def forget(self, agent: str) -> None:
        """Drop the live object of an agent without a word to it, as a crash would."""
        ...

    async def passivate(self, agent: str) -> None:
        """Drop the live object of an agent, which hears of it."""
        ...

    async def close(self) -> None:
        """Let all agents say goodbye, and close what performers hold open, such as model clients."""
        ...
