"""Departures: agents that go to live on another host, with their state, their counters and their mail.

The rule of this file: an agent goes between two turns, when everything that it has sent has arrived, and everything
that was sent to it through this host is here. So no letter is lost, none comes twice, and none overtakes another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

from stigmergy.protocols.errors import HostLost, Oversized, StigmergyError

from ..transport.link import PeerGone
from ..volatile.places import Far
from ..volatile.slot import Slot
from ..volatile.turn import Ground
from .peer import Peer
from .reroute import Reroute
from .shares import in_shares
from .views import Change, View

BATCH: Final = 1_000
"""Agents that move together; and so many are looked at before the event loop gets to turn."""

LOOK_S: Final = 0.02
"""How often those that are in the middle of something are looked at again."""

MOST: Final = 15 * 1024 * 1024
"""Bytes of a state that can move: it goes in one frame of 16 MiB, together with the topics that its agent follows."""

GOODBYE_S: Final = 30.0
"""The longest that agents may take to end what they hold open."""


class Surroundings(Protocol):
    """The mesh, as departures need it."""

    view: View
    me: str

    def peer(self, name: str, /) -> Peer | None:
        """The way to a host, while there is one."""
        ...

    async def flush(self) -> None:
        """Wait until all peers have what was sent to them, and all is here that they had sent."""
        ...

    async def agreed(self, version: int, /) -> None:
        """Wait until all peers know a view."""
        ...


class Departures:
    """Those of one host."""

    def __init__(self, host: Ground, mesh: Surroundings) -> None:
        self._host = host
        self._mesh = mesh
        self._reroute = Reroute(host)

    async def hand_over(self, target: str, change: Change) -> None:
        """Let everybody go whose home is on another host now, and say when nothing is left here.

        When they cannot go the swarm stops, and their new host hears that nobody comes.
        """
        try:
            await self._hand_over(target, change)
        except StigmergyError as why:
            self._host.stop("failure", f"agents cannot move to {target}: {why}")
            peer = self._mesh.peer(target)
            if peer is not None:
                peer.say_last("over", None)

    async def _hand_over(self, target: str, change: Change) -> None:
        await self._mesh.agreed(change.now.version)
        leaving = await self._leaving(target, change)
        peer = self._mesh.peer(target)
        if peer is not None:
            for names in in_shares(leaving):
                peer.say_last("leaving", names)
            peer.say_last("over", None)
        for slot in leaving.values():
            slot.leaving = True
        since = self._host.now()
        while leaving and self._mesh.peer(target) is not None:
            idle = self._idle(leaving, self._host.now() - since)
            if not idle:
                await asyncio.sleep(LOOK_S)
            elif await self._go(idle, target):
                for slot in idle:
                    del leaving[slot.name]
            else:
                break
        if leaving:
            await self._stay(leaving, target)

    async def _leaving(self, target: str, change: Change) -> dict[str, Slot]:
        """Agents here whose home is there now."""
        places, leaving = self._host.places, {}
        names = list(change.candidates(places, target))
        for first in range(0, len(names), BATCH):
            for name in names[first : first + BATCH]:
                slot = places.get(name)
                if type(slot) is Slot and change.takes(name, self._mesh.me, target):
                    leaving[name] = slot
            await asyncio.sleep(0)
        return leaving

    def _idle(self, leaving: dict[str, Slot], waited_s: float) -> list[Slot]:
        """Some of those that are in the middle of nothing: they begin nothing new from now on.

        The others begin nothing when their turn is over. A turn of a reentrant agent may wait for another one of it, so
        it goes on beginning turns; but one that was not idle for as long as a turn may take begins no more.
        """
        running = {turn.slot for turn in self._host.turns}
        idle: list[Slot] = []
        for slot in leaving.values():
            if not slot.busy and slot not in running and len(idle) < BATCH:
                idle.append(slot)
                slot.busy = True
            elif slot.mail is None and (not slot.part.reentrant or waited_s > slot.part.spec.turn_timeout_s):
                slot.mail = deque()
        return idle

    async def _go(self, slots: list[Slot], target: str) -> bool:
        """Move idle agents. False when their new host is gone; they are idle then, and have said goodbye or not."""
        host, mesh = self._host, self._mesh
        peer = mesh.peer(target)
        topics = {slot.name: host.office.followed(slot) for slot in slots}
        try:
            for followed in in_shares([name, names] for name, names in topics.items() if names):
                if peer is not None:
                    await peer.link.ask("prepare", followed)
            await mesh.flush()
        except PeerGone:
            peer = None
        if peer is not None:
            await self._pack(slots)
            peer = mesh.peer(target)
        if peer is None:
            for slot in slots:
                slot.busy = False
            return False
        host.withdraw(set(slots))
        shares = list(
            in_shares([slot.name, slot.kept, slot.sent, slot.draws, slot.pooled, topics[slot.name]] for slot in slots)
        )
        for slot in slots:
            self._leave(slot, peer, topics[slot.name])
        for records in shares:
            peer.say_last("moved", records)
        return True

    def _leave(self, slot: Slot, peer: Peer, topics: list[str]) -> None:
        """From now on this agent is elsewhere; its mail goes there first, and what comes later wherever it lives."""
        host, name = self._host, slot.name
        mail, slot.mail = slot.mail or (), None
        peer.bring([(name, letter) for letter in mail])
        del host.places[name]
        slot.moved = Far(name, self._reroute)
        for topic in topics:
            if not host.office.unfollow(topic, slot) and host.mesh is not None:
                host.mesh.unfollow(topic)
        host.office.pools.replace(slot)
        for turn in host.turns:
            turn.sends = [(slot.moved if to is slot else to, said, taint) for to, said, taint in turn.sends]
        slot.make_room()

    async def _pack(self, slots: list[Slot]) -> None:
        """Let agents end what they hold open, and pack their states; where they live on they are made anew."""
        goodbyes = [
            asyncio.ensure_future(slot.part.stop(slot.agent))
            for slot in slots
            if slot.agent is not None and slot.part.stop is not None
        ]
        if goodbyes:
            await asyncio.wait(goodbyes, timeout=GOODBYE_S)
        for slot in slots:
            try:
                if slot.agent is not None:
                    slot.kept = _packed(slot)
            except Exception as why:  # noqa: BLE001 - a state may hold what its author wrote
                self._host.stop("failure", f"{slot.name} cannot move, since its state cannot be packed: {why}")
            slot.agent = None

    async def _stay(self, slots: dict[str, Slot], target: str) -> None:
        """The new host is gone. Who lives here by the view that says so stays; the others were as good as there."""
        while target in self._mesh.view.lives:
            await self._mesh.agreed(self._mesh.view.version + 1)
        for name, slot in slots.items():
            slot.leaving = False
            mail, slot.mail = slot.mail or None, None
            if self._mesh.view.home(name) == self._mesh.me:
                if slot.busy:
                    slot.mail = mail  # its turn goes on, and then with its mail
                else:
                    self._host.ready.extend((slot, letter) for letter in mail or ())
            else:
                del self._host.places[name]
                slot.moved = Far(name, self._reroute)
                lost = HostLost(f"{name} was on its way to {target}, which is gone")
                for letter in mail or ():
                    self._host.bury(letter, name, "host lost", lost)
            slot.make_room()
        self._host.wake()


def _packed(slot: Slot) -> bytes | None:
    """The state of an agent as it goes away, which it can be made of again. Raises: Oversized, and whatever it is."""
    part = slot.part
    if part.pack is None or part.unpack is None:
        return None
    kept = part.pack(slot.agent)
    if len(kept) > MOST:
        raise Oversized(f"{len(kept):,} bytes are over the limit of {MOST:,}")
    part.unpack(slot.agent, kept)
    return kept
