"""Back-pressure: a sender whose recipient's mailbox is full gets its answer late, and so sends no more.

Nothing is dropped and nothing grows without bound: a sender has one request open at a time, or as many turns as it may
run ahead of their commits (`dispatch.AHEAD`). Nobody waits for a recipient that itself waits to be alone on its host: a
sender that is held there is what would keep it from being alone.

Of mail on other shards a shard knows what those have said: one tells another that an address is full when something
came for it from there, and when it has room again. That may be late by what is on its way, and ends with a link.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError
from stigmergy.protocols.ids import is_agent
from stigmergy.protocols.series import Series

from .machines import CLIENT, Machines

HOLD_S: Final = 30.0
"""The longest that a sender waits for a full mailbox: two full ones that hold each other go on after that."""

_TOPIC: Final = "topics:"
"""Begins the address of a topic, among those of agents and pools."""


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
        self._far: dict[str, int] = {}
        """Full addresses of other shards, by what those said."""
        self._told: dict[tuple[int, str], None] = {}
        """Shards that were told of an address here that it is full."""
        self._words: list[tuple[int, list[Any]]] = []

    def full(self, sends: Iterable[Envelope | Series]) -> str:
        """The first recipient that is at its bound; empty when all have room. Mail to oneself never waits."""
        for sent in sends:
            for address in self._crowded(sent):
                if address != sent.sender:
                    return address
        return ""

    def _crowded(self, sent: Envelope | Series) -> Iterable[str]:
        """The recipients of a message that are at their bound."""
        m, to = self._m, sent.to
        if isinstance(sent, Series) or sent.mode == "post":
            far = m.holder("topics", to) is not None
            return filter(self._is_full, [_TOPIC + to] if far else m.space.topics.members(to, "agents"))
        if sent.reply_to or to.startswith(CLIENT + "/"):
            return ()
        if is_agent(to) and not self._is_full(to):
            return ()  # whoever it is for has room, also if it is refused
        try:
            agent, pool = m.resolve(to, sent.type)
        except StigmergyError:
            return ()  # it becomes a dead letter, which needs no room
        return filter(self._is_full, (agent or pool,))

    def _is_full(self, address: str) -> bool:
        m = self._m
        if address in self._far:
            return True
        if address.startswith(_TOPIC):
            return any(map(self._is_full, m.space.topics.members(address.removeprefix(_TOPIC), "agents")))
        kind = m.kinds.get(address.partition("/")[0])
        if kind is None or m.mail.waiting(address) < kind.mailbox:
            return False
        box = m.mail.boxes.get(address)
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

    # -- between shards

    def came(self, shard: int, envelope: Envelope | Series) -> None:
        """Something came from another shard: if that fills its recipient, the shard is told so."""
        post = envelope.mode == "post"
        for address in filter(self._is_full, (_TOPIC + envelope.to,)) if post else self._crowded(envelope):
            if (shard, address) not in self._told:
                self._told[shard, address] = None
                self._words.append((shard, [address, True]))

    def said(self, shard: int, address: str, *, full: bool) -> None:
        """Another shard says that an address is full, or has room again."""
        if full:
            self._far[address] = shard
        else:
            self._far.pop(address, None)

    def words(self) -> list[tuple[int, list[Any]]]:
        """What others are to be told now, as (shard, [address, whether it is full])."""
        for shard, address in [told for told in self._told if not self._is_full(told[1])]:
            del self._told[shard, address]
            self._words.append((shard, [address, False]))
        words, self._words = self._words, []
        return words

    def met(self, shard: int) -> None:
        """There is a new link to a shard: what was said over the old one counts no more."""
        self._far = {address: other for address, other in self._far.items() if other != shard}
        self._told = {told: None for told in self._told if told[0] != shard}
