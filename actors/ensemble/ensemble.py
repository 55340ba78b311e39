"""The ensemble: which hosts go by rounds together, and where each agent lives among them.

The members are those of one muster, and stay the same until the next. Agents are spread by partitions, see
`partition_of`: partition ``n`` of a muster of ``k`` hosts is at the ``n mod k``-th of them. Messages to drivers go to
the driver's own host, the conductor, which has no agents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ..mesh.bodies import Bodies
from ..mesh.talks import Talks
from ..transport.channel import Frame
from ..transport.link import Link
from ..volatile.digest import partition_of
from ..volatile.host import Host
from ..volatile.letter import Talk
from ..volatile.office import OUTSIDE
from ..volatile.places import Far, Place
from ..volatile.slot import Slot
from ..volatile.sorting import Sorting
from .fellow import Fellow


class Ensemble:
    """The other hosts, as one of them sees them. See `Neighbours`."""

    def __init__(self, host: Host, office: Sorting, me: str, bodies: Bodies) -> None:
        """``me`` is this life of this host, as ``name.epoch``; a driver's own has the name of a client."""
        self.me = me
        self.conducts = me.startswith(f"{OUTSIDE}/")
        self.hosts: list[str] = []
        """The members of the muster, by name."""
        self.on_muster: Callable[[], None] = _nothing
        """Called when a muster has come."""
        self.on_done: Callable[[list[Any]], None] = _nothing_done
        """Called with what has become of acts."""
        self.questions: dict[str, Callable[[], Awaitable[Any]]] = {}
        """What others may ask at any time."""
        self._host = host
        self._office = office
        self._bodies = bodies
        self._talks = Talks()
        self._fellows: dict[str, Fellow] = {}
        self._homes: list[Fellow | None] = []
        """Where each partition is, as far as there are hosts; None is here."""
        self._seen = asyncio.Event()

    # -- who ---------------------------------------------------------------------------------

    def connect(self, link: Link) -> None:
        """See `Neighbours.connect`."""
        self._fellows[link.peer] = Fellow(self._host, link, self._bodies, self._talks)

    def lost(self, name: str, reason: str) -> None:
        """See `Neighbours.lost`."""
        fellow = self._fellows.pop(name, None)
        if fellow is not None:
            fellow.lost(reason)

    def see(self, view: list[Any]) -> None:
        """See `Neighbours.see`: the conductor musters whom it shows first, and later as many who are all new."""
        self._host.board.tell("settled", view[0])  # nobody moves because of it
        lives = sorted(view[1])
        for name in set(self.hosts).difference(lives):
            self.lost(name, "it was given up")
        replaced = len(lives) == len(self.hosts) and not set(lives) & set(self.hosts)
        if self.conducts and lives and (replaced or not self.hosts) and self._fellows.keys() >= set(lives):
            self.muster(lives)

    def muster(self, hosts: list[str]) -> None:
        """From now on these go by rounds together."""
        before, self.hosts = self.others, hosts
        self._homes = [self._fellows.get(name) for name in hosts]
        for fellow in before:
            self._office.dismiss(fellow.everyone)
        for fellow in self.others:
            self._office.admit(fellow.everyone)
        if self.conducts:
            for fellow in self.others:
                fellow.say("muster", hosts)
        self._seen.set()
        self.on_muster()

    @property
    def others(self) -> list[Fellow]:
        """The other members."""
        return [fellow for fellow in self._homes if fellow is not None]

    @property
    def conductor(self) -> Fellow:
        """The driver's own host."""
        return next(fellow for name, fellow in self._fellows.items() if name.startswith(f"{OUTSIDE}/"))

    async def ready(self) -> None:
        """See `Neighbours.ready`."""
        await self._seen.wait()

    # -- where -------------------------------------------------------------------------------

    def elsewhere(self, address: str) -> Place | None:
        """See `Neighbours.elsewhere`."""
        if address.startswith(f"{OUTSIDE}/"):
            return None if self.conducts else Far(address, self.conductor)
        fellow = self._homes[partition_of(address) % len(self._homes)]
        return None if fellow is None else Far(address, fellow)

    def created(self, slot: Slot) -> None:
        """See `Neighbours.created`: nobody comes from elsewhere."""

    @property
    def waiting(self) -> int:
        """See `Neighbours.waiting`."""
        return sum(fellow.waiting for fellow in self._fellows.values())

    async def follow(self, topic: str) -> None:
        """See `Neighbours.follow`: every post goes to every host."""

    def unfollow(self, topic: str) -> None:
        """See `Neighbours.unfollow`."""

    def quarantine(self, talk: Talk) -> None:
        """See `Neighbours.quarantine`: the others know when this round is over."""
        parts = list(talk.parts)
        self._talks.end(parts, talk.ended)
        for fellow in self.others:
            fellow.say("ended", [parts, talk.ended])

    def sweep(self) -> None:
        """See `Neighbours.sweep`: nobody looks for rings of asks."""

    # -- in ----------------------------------------------------------------------------------

    def frames(self, link: Link, frames: Iterable[Frame]) -> None:
        """See `Neighbours.frames`."""
        fellow = self._fellows.get(link.peer)
        for _, ticket, name, payload in frames:
            if name in self.questions:
                self._host.spawn(self._reply(link, ticket, self.questions[name]))
            elif name == "muster":
                self.muster(payload)
            elif name == "done":
                self.on_done(payload)
            elif fellow is not None:
                fellow.came(name, payload)

    async def serve(self, link: Link) -> None:
        """See `Neighbours.serve`: what comes waits for the end of the round."""

    async def ask_all(self, question: str) -> list[Any]:
        """See `Neighbours.ask_all`."""
        asked = [fellow.link.ask(question) for fellow in self.others]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    @staticmethod
    async def _reply(link: Link, ticket: int, question: Callable[[], Awaitable[Any]]) -> None:
        link.answer(ticket, await question())


def _nothing() -> None:
    return None


def _nothing_done(_results: list[Any]) -> None:
    return None
