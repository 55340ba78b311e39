"""Followers: which hosts follow which topics, so that a post crosses to a host once, however many follow it there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from ..volatile.turn import Ground
from .peer import Peer


class Followers:
    """What one host knows of the topics that others follow, and lets them know of its own."""

    def __init__(self, host: Ground, peers: Callable[[], Iterable[Peer]]) -> None:
        self._host = host
        self._peers = peers
        self._own: dict[str, asyncio.Task[Any]] = {}
        """Topics that agents here follow, and when the others know."""

    async def follow(self, topic: str) -> None:
        """Let all peers know that somebody here follows a topic, and wait until they do."""
        known = self._own.get(topic)
        if known is None:
            known = self._own[topic] = asyncio.ensure_future(self._announce(topic))
        await asyncio.shield(known)

    async def _announce(self, topic: str) -> None:
        asked = [peer.link.ask("follow", topic) for peer in self._peers()]
        await asyncio.gather(*asked, return_exceptions=True)

    def unfollow(self, topic: str) -> None:
        """Let them know that nobody here follows it any more."""
        if self._own.pop(topic, None) is not None:
            for peer in self._peers():
                peer.say("unfollow", topic)

    def greet(self, peer: Peer) -> None:
        """There is a new peer."""
        for topic in self._own:
            peer.say("follow", topic)

    def heard(self, peer: Peer, topic: str) -> None:
        """Somebody there follows a topic."""
        peer.follows[topic] = None
        self._host.office.follow(topic, peer.everyone)

    def unheard(self, peer: Peer, topic: str) -> None:
        """Nobody there follows it any more."""
        peer.follows.pop(topic, None)
        self._host.office.unfollow(topic, peer.everyone)
        for other in peer.follows:  # one of these may mean the same topics
            self._host.office.follow(other, peer.everyone)

    def lost(self, peer: Peer) -> None:
        """A peer is gone."""
        for topic in list(peer.follows):
            self.unheard(peer, topic)
