"""Arrivals: agents that come to live on this host, and the order of their mail.

When hosts change, letters for an agent may still be on their way through its old host while newer ones come straight
here. So for an address that may come from another host everything is held back until that host says that nothing
older is left there. An agent that lives brings its state and its mail, and what was held waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..volatile.letter import Letter
from ..volatile.slot import Slot
from ..volatile.turn import Ground
from .views import Change


class Coming:
    """What comes from one host because of one change."""

    def __init__(self, change: Change, source: str, me: str) -> None:
        self._change = change
        self._way = (source, me)
        self._known: dict[str, bool] = {}
        self.leaving: set[str] = set()
        """Agents that bring their state, as far as the old host has said."""
        self.awaited: set[str] | None = None
        """Those of them that have not come; None until all are known."""
        self.held: dict[str, list[Letter]] = {}
        """Agents that are heard of here, and mail that they bring; what comes straight here waits in their slots."""

    def concerns(self, address: str) -> bool:
        """Whether something older may still come for an address."""
        if self.awaited is not None:
            return address in self.awaited
        known = self._known.get(address)
        if known is None:
            known = self._known[address] = self._change.takes(address, *self._way)
        return known

    @property
    def over(self) -> bool:
        """Whether all has come."""
        return self.awaited is not None and not self.awaited


class Arrivals:
    """Those of one host."""

    def __init__(self, host: Ground, flush: Callable[[], Awaitable[None]]) -> None:
        """``await flush()`` returns when all has come that any peer had sent by then."""
        self._host = host
        self._flush = flush
        self._open: dict[str, Coming] = {}
        """By the host from where it comes."""
        self._over: asyncio.Future[None] | None = None

    def expect(self, change: Change, me: str) -> None:
        """Hosts have changed: who may come here?"""
        for source in sorted(change.sources(me)):
            self._open[source] = Coming(change, source, me)

    async def wait(self) -> None:
        """Wait until nothing is expected any more."""
        if self._open:
            self._over = self._over or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._over)

    def created(self, slot: Slot) -> None:
        """An agent of this name is heard of here; if it may come, its letters wait."""
        for coming in self._open.values():
            if coming.concerns(slot.name):
                slot.busy = True
                coming.held.setdefault(slot.name, [])

    def bring(self, source: str, letters: list[tuple[str, Letter]]) -> None:
        """The mail of agents that are coming."""
        held = self._open[source].held
        for to, letter in letters:
            held.setdefault(to, []).append(letter)

    def leaving(self, source: str, names: list[str]) -> None:
        """These agents are to come, with their state."""
        self._open[source].leaving.update(names)

    def over(self, source: str) -> None:
        """Nothing older is left at a host for anybody but those who are to come; said again, nobody comes any more."""
        coming = self._open.get(source)
        if coming is not None:
            coming.awaited, coming.leaving = coming.leaving, set()
            self._release(coming, coming.held.keys() - coming.awaited)
            self._tidy()

    async def prepare(self, followed: list[list[Any]]) -> None:
        """Agents will come: follow their topics for them, and wait until everybody knows.

        What was posted to this host before that they get from their old one.
        """
        host = self._host
        await self._flush()
        for name, topics in followed:
            slot = host.office.find(name)
            for topic in topics:
                if type(slot) is Slot and host.mesh is not None:
                    host.office.follow(topic, slot)
                    await host.mesh.follow(topic)

    async def moved(self, source: str, records: list[list[Any]]) -> None:
        """Agents are here now: their state; their mail has come before it."""
        for name, kept, sent, draws, pooled, _ in records:
            slot = self._host.office.find(name)
            if type(slot) is Slot:
                slot.kept, slot.sent, slot.draws, slot.pooled = kept, sent, draws, pooled or slot.pooled
        if any(topics for *_, topics in records):
            await self._flush()  # what was posted to both hosts is known twice then
        coming = self._open.get(source)
        if coming is not None and coming.awaited is not None:
            names = {name for name, *_ in records}
            coming.awaited -= names
            self._release(coming, names)
            self._tidy()

    def lost(self, source: str) -> None:
        """A host is gone, and what had not come from there will not come."""
        coming = self._open.get(source)
        if coming is not None:
            coming.awaited = set()
            self._release(coming, set(coming.held))
            self._tidy()

    @property
    def waiting(self) -> int:
        """Letters that have moved here, and wait for their agents."""
        return sum(len(letters) for coming in self._open.values() for letters in coming.held.values())

    def _release(self, coming: Coming, names: set[str]) -> None:
        """Nothing older can come for some agents: what waits for them is ready."""
        host = self._host
        slots = {name: place for name in sorted(names) if type(place := host.office.find(name)) is Slot}
        host.withdraw(set(slots.values()))
        for name, slot in slots.items():
            mail = in_order([*coming.held.pop(name, ()), *(slot.mail or ())])
            slot.mail, slot.busy = None, False
            slot.make_room()
            host.ready.extend((slot, letter) for letter in mail)
        host.wake()

    def _tidy(self) -> None:
        self._open = {source: coming for source, coming in self._open.items() if not coming.over}
        if not self._open and self._over is not None:
            self._over.set_result(None)
            self._over = None


def in_order(letters: list[Letter]) -> list[Letter]:
    """Those of one sender in the order in which it sent them, and each post once, though it came by two ways."""
    posts: set[tuple[str, int, str]] = set()
    by_sender: dict[str, list[Letter]] = {}
    kept = []
    for letter in letters:
        if letter.topic:
            post = letter.sender, letter.number, letter.talk.id
            if post in posts:
                continue
            posts.add(post)
        kept.append(letter)
        by_sender.setdefault(letter.sender, []).append(letter)
    sent = {sender: iter(sorted(its, key=lambda letter: letter.number)) for sender, its in by_sender.items()}
    return [next(sent[letter.sender]) for letter in kept]
