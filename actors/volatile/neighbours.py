"""Neighbours: the other hosts of a swarm, as a host needs them. What they are is `Mesh`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..transport.channel import Frame
from ..transport.link import Link
from .letter import Talk
from .places import Place
from .slot import Slot


class Neighbours(Protocol):
    """See `Mesh`."""

    @property
    def waiting(self) -> int:
        """Letters that wait to go there."""
        ...

    def elsewhere(self, address: str, /) -> Place | None:
        """The place of an address that lives on another host; None when it lives here."""
        ...

    def created(self, slot: Slot, /) -> None:
        """An agent is heard of for the first time on this host."""
        ...

    def connect(self, link: Link, /) -> None:
        """There is a link to a host, or to a driver."""
        ...

    def lost(self, name: str, reason: str, /) -> None:
        """The link to one has ended."""
        ...

    def see(self, view: list[Any], /) -> None:
        """Learn which hosts there are."""
        ...

    def sweep(self) -> None:
        """Do what time demands."""
        ...

    async def ready(self) -> None:
        """Wait until that is known."""
        ...

    def frames(self, link: Link, frames: Iterable[Frame], /) -> None:
        """Take in what one sent."""
        ...

    async def serve(self, link: Link, /) -> None:
        """Let what a call brought run."""
        ...

    async def follow(self, topic: str, /) -> None:
        """Let them know that somebody here follows a topic, and wait until they do."""
        ...

    def quarantine(self, talk: Talk, /) -> None:
        """A conversation was quarantined here: let them know."""
        ...

    def unfollow(self, topic: str, /) -> None:
        """Let them know that nobody here follows it any more."""
        ...

    async def ask_all(self, question: str, /) -> list[Any]:
        """Ask all of them."""
        ...
