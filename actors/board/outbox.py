"""What a board wants to send once its entries are durable."""

from __future__ import annotations

from typing import Any, NamedTuple

from stigmergy.protocols.errors import pack


class Out(NamedTuple):
    """One frame for one peer: a tell when it has a name, else the answer to a ticket."""

    peer: str
    name: str
    ticket: int
    payload: Any
    failed: bool = False


Event = tuple[str, dict[str, Any]]
"""A name and plain data."""


class Outbox:
    """Frames in the order in which they were decided."""

    def __init__(self) -> None:
        self.frames: list[Out] = []
        self.events: list[Event] = []
        """Things worth telling every driver."""
        self.asides: list[Out] = []
        """Frames that tell of nothing that was written elsewhere, and so do not wait for it: see `Gate`."""

    def take(self) -> tuple[list[Out], list[Event]]:
        """Everything so far, which leaves this empty."""
        frames, self.frames = self.frames, []
        events, self.events = self.events, []
        return frames, events

    def take_asides(self) -> list[Out]:
        """The frames that wait for nothing but the commit, which leaves none."""
        asides, self.asides = self.asides, []
        return asides

    def tell(self, peer: str, name: str, payload: Any) -> None:
        """Send something that wants no answer."""
        self.frames.append(Out(peer, name, 0, payload))

    def answer(self, peer: str, ticket: int, payload: Any) -> None:
        """Answer a request."""
        if ticket:
            self.frames.append(Out(peer, "", ticket, payload))

    def fail(self, peer: str, ticket: int, error: BaseException) -> None:
        """Answer a request with an error."""
        if ticket:
            self.frames.append(Out(peer, "", ticket, list(pack(error)), failed=True))

    def event(self, name: str, data: dict[str, Any]) -> None:
        """Tell every driver."""
        self.events.append((name, data))
