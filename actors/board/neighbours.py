"""Neighbours: the other shards, and what is done here with what they send.

The rule of this file: what a parcel asks for was decided where it comes from, so nothing of it is paid or judged a
second time. A shard says how far it has heard another only when that is durable.

The words between shards: ``hello`` (how far we have heard you), ``parcel`` (with the time at its sender), ``took``, and
hints that may be lost: ``full`` (see `Pressure`) and ``watch`` (see `lookout`). A new link begins with two hellos, the
first from the lower number, which learns of the link last: who speaks before the other knows the link has lost it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError, UsageError
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import Write

from .clerk import Clerk
from .machines import Machines
from .outbox import Out
from .owners import LEAD
from .press import Press
from .pressure import Pressure
from .tenants import LOST, Tenants

Sent = TypeVar("Sent", Envelope, Series)

PREFIX: Final = "board-"


def peer_of(shard: int, epoch: int) -> str:
    """The name of one life of a shard's board, where there are several: ``board-1.3``."""
    return f"{PREFIX}{shard}.{epoch}"


def shard_of(peer: str) -> int:
    """The shard whose board a peer is; ``board`` is the only one there is."""
    return int(peer.removeprefix(PREFIX).partition(".")[0]) if is_board(peer) else 0


def is_board(peer: str) -> bool:
    """Whether a peer is the board of one of several shards."""
    return peer.startswith(PREFIX)


class Neighbours:
    """The links to the other shards, and their parcels."""

    def __init__(self, machines: Machines, clerk: Clerk, press: Press, pressure: Pressure, tenants: Tenants) -> None:
        self._m = machines
        self._clerk = clerk
        self._pressure = pressure
        self._peers: dict[int, str] = {}
        """By shard: the life of its board to which there is a link."""
        self._takes: dict[str, Callable[[int, Any], None]] = {
            "again": lambda _s, a: clerk.receive(Envelope.from_wire(a), once=True),
            "reply": lambda _s, a: clerk.answer(Envelope.from_wire(a)),
            "post": lambda shard, a: self._arrived(shard, Envelope.from_wire(a), press.publish),
            "series": lambda shard, a: self._arrived(shard, Series.kept(a), press.publish_all),
            "fan": lambda _s, a: press.fan(Envelope.from_wire(a[0]), a[1], a[2]),
            "write": lambda _s, a: self._write(*a),
            "forget": lambda _s, a: machines.space.forget(a),
            LOST: lambda _s, a: tenants.lost(*a, known=True),
            "verdict": lambda _s, a: self._learn(a),
            "dead": lambda shard, a: clerk.dead_letters.copy(shard, a[0], a[1], machines.now),
            "stop": lambda _s, a: clerk.stop(*a),
            "allow": lambda shard, a: machines.grants.ask(shard, *a),
            "allowed": lambda _s, a: machines.purse.got(*a),
            "paid": lambda _s, a: machines.grants.paid(a[0], a[1], machines.now),
            "recall": lambda _s, _a: machines.purse.settle(),
            "go on": lambda _s, _a: clerk.go_on(),
        }
        """What is done with each sort of parcel but letters."""
        self._words: dict[str, Callable[[int, Any], None]] = {
            "hello": self._hello,
            "took": machines.exchange.confirmed,
            "parcel": self._parcel,
            "full": lambda shard, a: pressure.said(shard, a[0], full=a[1]),
            "watch": lambda _s, a: self._watch(a),
        }

    def met(self, peer: str) -> str:
        """There is a link to another life of a shard's board. Returns the peer that it was before, if there was one."""
        shard = shard_of(peer)
        before, self._peers[shard] = self._peers.get(shard, ""), peer
        self._pressure.met(shard)
        self._m.exchange.parted(shard)
        if self._m.exchange.me < shard:
            self._greet(shard)
        return before

    def parted(self, peer: str) -> None:
        """The link to a board is gone."""
        shard = shard_of(peer)
        if self._peers.get(shard) == peer:
            del self._peers[shard]
            self._m.exchange.parted(shard)

    def hear(self, peer: str, name: str, payload: Any) -> None:
        """Take in a word of another shard; one of an earlier life of it is passed over, as it is told again.

        Raises: JournalCorrupt, UsageError.
        """
        shard, word = shard_of(peer), self._words.get(name)
        if word is None:
            raise UsageError(f"a shard has no word {name!r:.60} for another")
        if self._peers.get(shard) == peer:
            word(shard, payload)

    def speak(self) -> None:
        """Say to the others what can be said now that everything so far is durable."""
        exchange = self._m.exchange
        for shard, number in exchange.heard():
            self._aside(shard, "took", number)
        for shard, parcel in exchange.due():
            self._aside(shard, "parcel", [*parcel, self._m.now])
        for shard, word in self._pressure.words():
            self._aside(shard, "full", word)
        if self._m.warden.shown:
            shown, self._m.warden.shown = self._m.warden.shown, []
            for one in shown:
                self._aside(LEAD, "watch", one)

    def _greet(self, shard: int) -> None:
        self._aside(shard, "hello", self._m.exchange.met(shard))

    def _hello(self, shard: int, number: int) -> None:
        if self._m.exchange.me > shard:
            self._greet(shard)
        self._m.exchange.greeted(shard, number)

    def _aside(self, shard: int, name: str, payload: Any) -> None:
        peer = self._peers.get(shard)
        if peer is not None:
            self._m.outbox.asides.append(Out(peer, name, 0, payload))

    def _parcel(self, shard: int, parcel: list[Any]) -> None:
        number, what, data, at = parcel
        if not self._m.exchange.take(shard, number):
            return
        if what == "letter":
            self._arrived(shard, _moved(Envelope.from_wire(data), self._m.now - at), self._letter)
        else:
            self._takes[what](shard, data)

    def _arrived(self, shard: int, sent: Sent, receive: Callable[[Sent], None]) -> None:
        receive(sent)
        self._pressure.came(shard, sent)

    def _letter(self, envelope: Envelope) -> None:
        self._m.warden.show(envelope)
        self._clerk.receive(envelope)

    def _watch(self, told: list[Any]) -> None:
        """At the lead: what another shard shows to the loop watchdog."""
        verb, *rest = told
        verdict = self._m.warden.hear(verb, rest, self._m.now)
        if verdict is not None:
            self._clerk.carry_out(verdict)
        if verb == "finished":
            self._m.treasury.finished(*rest)

    def _learn(self, plain: dict[str, Any]) -> None:
        verdict = self._m.warden.learn(plain)
        if verdict is not None:
            self._clerk.quarantine(verdict)

    def _write(self, writes: list[list[Any]], who: str, conversation: str, turn: str) -> None:
        """Carry out what a turn wrote on this shard; it was checked before its turn committed."""
        m, wanted = self._m, [Write(*one) for one in writes]
        try:
            m.space.check(wanted)
        except StigmergyError as error:
            self._clerk.dead_letters.item(
                "writes", turn, f"{who} wrote what is refused: {error}", m.now, "write refused"
            )
            return
        if m.space.write(wanted, who, m.now):
            m.warden.progress(conversation, m.now, turn)


def _moved(envelope: Envelope, ahead_s: float) -> Envelope:
    """A message of a shard by our clock, which is so far ahead of that shard's."""
    return envelope._replace(deadline=envelope.deadline + ahead_s) if envelope.deadline else envelope
