"""The performer port: what a host needs of whoever knows the user's classes."""

from __future__ import annotations

from typing import Protocol

from stigmergy.protocols.turn import Turn

from .desk import Desk


class Performer(Protocol):
    """Turns deliveries into turns: knows the user's classes."""

    async def perform(self, desk: Desk, state: bytes | None) -> Turn:
        """Run the handler for one delivery. Never raises; a failure is a turn too."""
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
        """Close what performers hold open, such as model clients."""
        ...
