"""Back-pressure: a sender whose recipient's mailbox is full gets its answer late, and so sends no more.

Nothing is dropped and nothing grows without bound: a sender has one request open at a time.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from stigmergy.protocols.envelope import Envelope

from .machines import Machines

HOLD_S: Final = 1.0
"""The longest that a sender waits for a full mailbox, so that two full ones cannot hold each other for ever."""


class Held(NamedTuple):
    """An answer that waits until an address has room, or until a time."""

    peer: str
    ticket: int
    address: str
    until: float


class Pressure:
    """The answers that are held back."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines
        self._held: list[Held] = []

    def full(self, envelopes: tuple[Envelope, ...]) -> str:
        """The first recipient that is at its bound; empty when all have room. Mail to oneself never waits."""
        m = self._m
        for envelope in envelopes:
            kind = m.kinds.get(envelope.to.partition("/")[0])
            if kind is not None and envelope.to != envelope.sender and m.mail.waiting(envelope.to) >= kind.mailbox:
                return envelope.to
        return ""

    def hold(self, peer: str, ticket: int, address: str) -> None:
        """Answer a sender when an address has room again, or after a second."""
        self._held.append(Held(peer, ticket, address, self._m.now + HOLD_S))

    def let_go(self) -> None:
        """Answer the senders whose recipients have room, or that have waited long enough."""
        if not self._held:
            return
        m, keep = self._m, []
        for held in self._held:
            kind = m.kinds[held.address.partition("/")[0]]
            if m.mail.waiting(held.address) < kind.mailbox or held.until <= m.now:
                m.outbox.answer(held.peer, held.ticket, None)
            else:
                keep.append(held)
        self._held = keep
