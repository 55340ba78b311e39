"""The mesh: the other hosts of a swarm, as one of them sees them, and where each agent lives.

The board says which hosts there are, as numbered views, and everybody goes through them in order. Whoever has come to
a view says so to all peers, behind all that was sent before; what comes from a peer that is ahead waits until the board
has told the same here. So a letter never arrives where less is known than where it comes from.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from stigmergy.protocols.errors import HostLost

from ..transport.channel import Frame
from ..transport.link import Link, PeerGone
from ..volatile.letter import Talk
from ..volatile.places import Far, Nowhere, Place
from ..volatile.slot import Slot
from ..volatile.turn import Ground
from .arrivals import Arrivals
from .bodies import Bodies
from .departures import Departures
from .followers import Followers
from .inbox import Inbox
from .lookout import Lookout
from .peer import Peer
from .reroute import Reroute
from .talks import Talks
from .views import Change, View

FEW: Final = 8
"""Turns of the event loop in which what a call brought may be answered in its return value."""

BUSY: Final = 4_096
"""Letters in a run queue above which calls return when what they brought was handled, so that senders slow down."""

LATER_S: Final = 10.0
"""How much later at most: after 30 s a caller would take this host for lost."""


class Neighbour:
    """One other host, or a driver's."""

    def __init__(self, peer: Peer, inbox: Inbox) -> None:
        self.peer = peer
        self.inbox = inbox
        self.version = 0
        """The view that it has come to."""
        self.early: list[Frame] = []
        """What it sent at a view that is not known here yet."""


class Mesh:
    """The other hosts, as one of them sees them."""

    def __init__(self, host: Ground, me: str, bodies: Bodies) -> None:
        """``me`` is this life of this host, as ``name.epoch``."""
        host.purse.recall = lambda: self.ask_all("settle")
        self.me = me
        self.view = View()
        self._host = host
        self._bodies = bodies
        self._talks = Talks()
        self._neighbours: dict[str, Neighbour] = {}
        self._news: list[asyncio.Future[None]] = []
        """Those who wait for views, here or at peers."""
        self._lookout = Lookout(host, self._talks, self._ask)
        self._followers = Followers(host, lambda: [one.peer for one in self._neighbours.values()])
        self._arrivals = Arrivals(host, self.flush)
        self._departures = Departures(host, self)
        office = host.office
        self._words: dict[str, Callable[[Neighbour, Any], object]] = {
            "mail": lambda one, payload: one.inbox.take(payload),
            "brought": lambda one, payload: one.inbox.bring(payload),
            "at": self._at,
            "flush": lambda one, _: one.peer.collect(),
            "full": lambda one, agent: one.peer.crowd(agent),
            "roomy": lambda one, agent: one.peer.relax(agent),
            "enroll": lambda _, agent: office.pools.enroll(agent),
            "freed": lambda _, agent: office.pools.free(agent),
            "follow": lambda one, topic: self._followers.heard(one.peer, topic),
            "unfollow": lambda one, topic: self._followers.unheard(one.peer, topic),
            "leaving": lambda one, said: self._arrivals.leaving(one.peer.name, said),
            "over": lambda one, _: self._arrivals.over(one.peer.name),
            "moved": lambda one, said: host.spawn(self._arrivals.moved(one.peer.name, said)),
            "ended": lambda _, talk: self._talks.end(*talk),
            "waits": lambda one, report: self._lookout.hear(one.peer.name, *report),
            "still": lambda _, numbers: self._lookout.still(numbers),
            "fail": lambda _, ask: self._lookout.fail(*ask),
        }
        """What peers say, and ask."""

    def connect(self, link: Link) -> None:
        """There is a link to a host, or to a driver."""
        peer = Peer(self._host, link, self._bodies, self._talks)
        inbox = Inbox(self._host, peer, self._bodies, self._talks, self._arrivals)
        self._neighbours[peer.name] = Neighbour(peer, inbox)
        if self.view.version:
            peer.say("at", self.view.version)
        self._followers.greet(peer)

    def lost(self, name: str, reason: str) -> None:
        """The link to a host has ended."""
        one = self._neighbours.pop(name, None)
        if one is not None:
            self._followers.lost(one.peer)
            one.peer.lost(reason)
            self._lookout.forget(name)
            self._arrivals.lost(name)
            self._tell_news()

    # -- where -------------------------------------------------------------------------------

    def elsewhere(self, address: str) -> Place | None:
        """The place of an address that lives on another host; None when it lives here, or is to come here."""
        life = self.view.home(address)
        if life == self.me:
            return None
        one = self._neighbours.get(life)
        if one is None:
            return Nowhere(address, HostLost(f"there is no way to the host of {address}: {life or 'none is up'}"))
        return Far(address, one.peer)

    def created(self, slot: Slot) -> None:
        """An agent is heard of for the first time on this host."""
        self._arrivals.created(slot)

    def see(self, fields: list[Any]) -> None:
        """Learn of a view; one that is known changes nothing."""
        change, host = Change.from_wire(fields), self._host
        if change.now.version <= self.view.version:
            return
        keeper, self.view = self._keeper, change.now
        reroute = Reroute(host)
        for place in list(host.places.values()):
            if type(place) is Far and not (place.reserved and self.peer(self.view.home(place.name)) is place.road):
                del host.places[place.name]  # but for members of a pool that are busy where they were
                place.road = reroute
        for one in self._neighbours.values():
            one.peer.say_last("at", self.view.version)
        self._arrivals.expect(change, self.me)
        host.spawn(self._move(change))
        host.office.pools.regroup()
        if self._keeper != keeper:
            self._lookout.restart()
        self._tell_news()
        for one in list(self._neighbours.values()):
            early, one.early = one.early, []
            self.frames(one.peer.link, early)

    async def _move(self, change: Change) -> None:
        """Let agents go and come, and tell the board when that is over."""
        targets = sorted(change.targets(self.me))
        await asyncio.gather(*(self._departures.hand_over(target, change) for target in targets))
        await self._arrivals.wait()
        self._host.board.tell("settled", change.now.version)

    def peer(self, name: str) -> Peer | None:
        """The way to a host, while there is one."""
        one = self._neighbours.get(name)
        return None if one is None else one.peer

    # -- what all peers know -----------------------------------------------------------------

    async def ready(self) -> None:
        """Wait until it is known which hosts there are."""
        while not self.view.lives:
            await self._next_news()

    async def agreed(self, version: int) -> None:
        """Wait until a view is known here and to all peers."""
        while min([self.view.version, *(one.version for one in self._neighbours.values())]) < version:
            await self._next_news()

    async def flush(self) -> None:
        """Wait until all peers have what was sent to them, and all is here that they had sent by then."""
        for one in self._neighbours.values():
            one.peer.collect()
        await self.ask_all("flush")

    async def ask_all(self, question: str) -> list[Any]:
        """Ask all others, drivers, too; those that are lost meanwhile say nothing."""
        asked = [one.peer.link.ask(question) for one in self._neighbours.values()]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    def _at(self, one: Neighbour, version: int) -> None:
        one.version = version
        self._tell_news()

    def _tell_news(self) -> None:
        news, self._news = self._news, []
        for waiting in news:
            if not waiting.done():
                waiting.set_result(None)

    async def _next_news(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._news.append(waiting)
        await waiting

    # -- topics, loops and deadlocks ---------------------------------------------------------

    async def follow(self, topic: str) -> None:
        """See `Followers.follow`."""
        await self._followers.follow(topic)

    def unfollow(self, topic: str) -> None:
        """See `Followers.unfollow`."""
        self._followers.unfollow(topic)

    def quarantine(self, talk: Talk) -> None:
        """A conversation was quarantined here: let all peers know."""
        parts = list(talk.parts)
        self._talks.end(parts, talk.ended)
        for one in self._neighbours.values():
            one.peer.say("ended", [parts, talk.ended])

    def sweep(self) -> None:
        """Tell the host that keeps the graph of waits what takes time here. Call it at each beat."""
        begun, ended = self._lookout.sweep()
        if not begun and not ended:
            return
        keeper = self.peer(self._keeper)
        if keeper is not None:
            keeper.say("waits", [begun, ended])
        elif self._keeper == self.me:
            self._lookout.hear(self.me, begun, ended)

    @property
    def _keeper(self) -> str:
        """The host that keeps the graph of waits: the first of the view."""
        return min(self.view.lives, default="")

    async def _ask(self, host: str, word: str, payload: Any) -> Any:
        """An answer of a host; None of one that is gone."""
        if host == self.me:
            return self._lookout.still(payload) if word == "still" else self._lookout.fail(*payload)
        one = self._neighbours.get(host)
        try:
            return None if one is None else await one.peer.link.ask(word, payload)
        except PeerGone:
            return None

    # -- in ----------------------------------------------------------------------------------

    def frames(self, link: Link, frames: Iterable[Frame]) -> None:
        """Take in what a peer sent; what it sent at a view that is still to come waits."""
        one = self._neighbours.get(link.peer)
        if one is None:
            return
        for frame in frames:
            _, ticket, name, payload = frame
            if one.early or (name == "at" and payload > self.view.version):
                one.early.append(frame)
            elif name == "settle":
                self._host.spawn(self._answer(link, ticket, self._settle()))
            elif name == "prepare":
                self._host.spawn(self._answer(link, ticket, self._arrivals.prepare(payload)))
            else:
                link.answer(ticket, self._words[name](one, payload))

    async def _answer(self, link: Link, ticket: int, work: Awaitable[Any]) -> None:
        """Whoever asked waits without an end, so an error is an answer, too."""
        try:
            link.answer(ticket, await work)
        except Exception as error:  # noqa: BLE001 - whatever it is
            link.fail(ticket, error)

    async def _settle(self) -> int:
        """Tell the ledger what was sent so far, and the peer how many letters wait."""
        await self._host.purse.give_back()
        return self._host.waiting

    @property
    def waiting(self) -> int:
        """Letters that wait to go to another host, and those that have come for agents who are still to come."""
        return self._arrivals.waiting + sum(one.peer.waiting for one in self._neighbours.values())

    async def serve(self, link: Link) -> None:
        """Let what a call brought run, so that answers ride back in it; and wait while there is too much to do."""
        host, turns = self._host, 0
        link.serving += 1
        try:
            while host.ready and turns < FEW:
                turns += 1
                await asyncio.sleep(0)
        finally:
            link.serving -= 1
        until, turn = time.monotonic() + LATER_S, host.workers.handled + len(host.ready)
        while len(host.ready) > BUSY and host.workers.handled < turn and time.monotonic() < until:
            if host.stopped is not None:
                return
            link.stir()
            await asyncio.sleep(0)
