"""The mesh: which hosts a swarm has, and where each of its agents lives.

The board says who takes part, as numbered views. Everybody works out the same home for an address from the same view,
by rendezvous hashing. Whoever learns of a view tells all its peers before it sends them anything else, so a letter
never arrives where less is known than where it comes from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import HostLost

from ..registry.placement import Seat, place
from ..transport.channel import Frame
from ..transport.link import Link, PeerGone
from ..volatile.letter import Talk
from ..volatile.places import Far, Nowhere, Place
from ..volatile.turn import Ground
from .bodies import Bodies
from .inbox import Inbox
from .lookout import Lookout
from .peer import Peer
from .talks import Talks

FEW: Final = 8
"""Turns of the event loop in which what a call brought may be answered in its return value."""

BUSY: Final = 4_096
"""Letters in a run queue above which calls return later, so that senders slow down."""


class Neighbour(NamedTuple):
    """One other host."""

    peer: Peer
    inbox: Inbox


class Mesh:
    """The other hosts, as one of them sees them."""

    def __init__(self, host: Ground, me: str, bodies: Bodies) -> None:
        """``me`` is this life of this host, as ``name.epoch``."""
        host.purse.recall = lambda: self.ask_all("settle")
        self._host = host
        self._me = me
        self._bodies = bodies
        self._talks = Talks()
        self._lookout = Lookout(host, self._talks, self._ask)
        self._neighbours: dict[str, Neighbour] = {}
        self._version = 0
        self._seats: list[Seat] = []
        self._lives: dict[str, str] = {}
        """Hosts of the newest view: this life of each, by name."""
        self._seen = asyncio.Event()
        self._follows: dict[str, asyncio.Task[Any]] = {}
        """Topics that agents here follow, and when the others know."""
        self._words: dict[str, Callable[[Neighbour, Any], object]] = {
            "mail": lambda one, payload: one.inbox.take(payload),
            "hosts": lambda _, payload: self.see(payload),
            "full": lambda one, agent: one.peer.crowd(agent),
            "roomy": self._roomy,
            "enroll": lambda _, agent: self._host.office.pools.enroll(agent),
            "freed": lambda _, agent: self._host.office.pools.free(agent),
            "follow": self._heard,
            "ended": lambda _, talk: self._talks.end(*talk),
            "waits": lambda one, report: self._lookout.hear(one.peer.name, *report),
            "still": lambda _, numbers: self._lookout.still(numbers),
            "fail": lambda _, ask: self._fail(ask),
            "unfollow": lambda one, topic: self._unheard(one.peer, topic),
        }
        """What peers say, and ask."""

    def connect(self, link: Link) -> None:
        """There is a link to a host, or to a driver."""
        peer = Peer(self._host, link, self._bodies, self._talks)
        self._neighbours[link.peer] = Neighbour(peer, Inbox(self._host, peer, self._bodies, self._talks))
        if self._version:
            peer.say("hosts", self._view())
        for topic in self._follows:
            peer.say("follow", topic)

    def lost(self, name: str, reason: str) -> None:
        """The link to a host has ended."""
        one = self._neighbours.pop(name, None)
        if one is not None:
            for topic in list(one.peer.follows):
                self._unheard(one.peer, topic)
            one.peer.lost(reason)
            self._lookout.forget(name)

    async def ready(self) -> None:
        """Wait until it is known which hosts there are."""
        await self._seen.wait()

    # -- where -------------------------------------------------------------------------------

    def elsewhere(self, address: str) -> Place | None:
        """The place of an address that lives on another host; None when it lives here."""
        life = self._lives.get(place(address, self._seats) or "", "")
        if life == self._me:
            return None
        one = self._neighbours.get(life)
        if one is None:
            return Nowhere(address, HostLost(f"there is no way to the host of {address}: {life or 'none is up'}"))
        return Far(address, one.peer)

    def see(self, view: list[Any]) -> None:
        """Learn which hosts there are: ``[version, lives]``. What is older than what is known changes nothing."""
        version, lives = view
        if version <= self._version:
            return
        keeper = self._keeper
        self._version = version
        self._lives = {life.rpartition(".")[0]: life for life in lives}
        self._seats = [Seat(name) for name in sorted(self._lives)]
        places = self._host.places
        for address in [address for address, known in places.items() if type(known) is Far]:
            del places[address]
        for one in self._neighbours.values():
            one.peer.say_last("hosts", self._view())
        self._host.office.pools.regroup()
        if self._keeper != keeper:
            self._lookout.restart()
        self._seen.set()

    def _view(self) -> list[Any]:
        return [self._version, list(self._lives.values())]

    # -- topics and pools --------------------------------------------------------------------

    async def follow(self, topic: str) -> None:
        """Let all peers know that somebody here follows a topic, and wait until they do."""
        known = self._follows.get(topic)
        if known is None:
            known = self._follows[topic] = asyncio.ensure_future(self._announce(topic))
        await asyncio.shield(known)

    async def _announce(self, topic: str) -> None:
        asked = [one.peer.link.ask("follow", topic) for one in self._neighbours.values()]
        await asyncio.gather(*asked, return_exceptions=True)

    def unfollow(self, topic: str) -> None:
        """Let them know that nobody here follows it any more."""
        if self._follows.pop(topic, None) is not None:
            for one in self._neighbours.values():
                one.peer.say("unfollow", topic)

    def _heard(self, one: Neighbour, topic: str) -> None:
        one.peer.follows[topic] = None
        self._host.office.follow(topic, one.peer.everyone)

    def _unheard(self, peer: Peer, topic: str) -> None:
        peer.follows.pop(topic, None)
        self._host.office.unfollow(topic, peer.everyone)
        for other in peer.follows:  # one of these may mean the same topics
            self._host.office.follow(other, peer.everyone)

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
        keeper = self._neighbours.get(self._keeper)
        if keeper is not None:
            keeper.peer.say("waits", [begun, ended])
        elif self._keeper == self._me:
            self._lookout.hear(self._me, begun, ended)

    @property
    def _keeper(self) -> str:
        """The host that keeps the graph of waits: the first of the view."""
        return min(self._lives.values(), default="")

    async def _ask(self, host: str, word: str, payload: Any) -> Any:
        """An answer of a host; None of one that is gone."""
        if host == self._me:
            return self._lookout.still(payload) if word == "still" else self._fail(payload)
        one = self._neighbours.get(host)
        try:
            return None if one is None else await one.peer.link.ask(word, payload)
        except PeerGone:
            return None

    def _fail(self, ask: list[Any]) -> None:
        self._lookout.fail(ask[0], ask[1])

    def _roomy(self, one: Neighbour, agent: str) -> None:
        one.peer.crowded.discard(agent)
        one.peer.let_in()

    # -- in ----------------------------------------------------------------------------------

    def frames(self, link: Link, frames: Iterable[Frame]) -> None:
        """Take in what a peer sent."""
        one = self._neighbours.get(link.peer)
        if one is None:
            return
        for _, ticket, name, payload in frames:
            if name == "settle":
                self._host.spawn(self._settle(link, ticket))
            else:
                link.answer(ticket, self._words[name](one, payload))

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
        while len(host.ready) > BUSY and host.stopped is None:
            link.stir()
            await asyncio.sleep(0)

    async def ask_all(self, question: str) -> list[Any]:
        """Ask all others, drivers, too; those that are lost meanwhile say nothing."""
        asked = [one.peer.link.ask(question) for one in self._neighbours.values()]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    @property
    def waiting(self) -> int:
        """Letters that wait to go to another host."""
        return sum(one.peer.waiting for one in self._neighbours.values())

    async def _settle(self, link: Link, ticket: int) -> None:
        """Tell the ledger what was sent so far, and the peer how many letters wait."""
        await self._host.purse.give_back()
        link.answer(ticket, self._host.waiting)
