"""Back-pressure: a sender whose recipient's mailbox is full gets its answer late, and so sends no more.

Nothing is dropped and nothing grows without bound: a sender has one request open at a time, or as many turns as it may
run ahead of their commits (`dispatch.AHEAD`). Nobody waits for a recipient that itself waits to be alone on its host: a
sender that is held there is what would keep it from being alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError

from .machines import CLIENT, Machines

HOLD_S: Final = 30.0
"""The longest that a sender waits for a full mailbox: two full ones that hold each other go on after that."""


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
        topics: set[str] = set()
        for envelope in envelopes:
            if envelope.mode == "post":
                if envelope.to in topics:
                    continue
                topics.add(envelope.to)
            for address in self._recipients(envelope):
                if address != envelope.sender and self._is_full(address):
                    return address
        return ""

    def _recipients(self, envelope: Envelope) -> list[str]:
        m = self._m
        if envelope.mode == "post":
            return m.space.topics.members(envelope.to, "agents")
        if envelope.reply_to or envelope.to.startswith(CLIENT + "/"):
            return []
        try:
            agent, pool = m.resolve(envelope.to, envelope.type)
        except StigmergyError:
            return []  # it becomes a dead letter, which needs no room
        return [agent or pool]

    def _is_full(self, address: str) -> bool:
        m = self._m
        kind, box = m.kinds.get(address.partition("/")[0]), m.mail.boxes.get(address)
        if kind is None or m.mail.waiting(address) < kind.mailbox:
            return False
        return box is None or not m.mail.letters[box[0]].suspect

    def hold(self, peer: str, ticket: int, address: str) -> None:
        """Answer a sender when an address has room again, or after half a minute."""
        self._held.append(Held(peer, ticket, address, self._m.now + HOLD_S))

    def let_go(self) -> None:
        """Answer the senders whose recipients have room, or that have waited long enough."""
        if not self._held:
            return
        m, keep = self._m, []
        for held in self._held:
            if not self._is_full(held.address) or held.until <= m.now:
                m.outbox.answer(held.peer, held.ticket, None)
            else:
                keep.append(held)
        self._held = keep
