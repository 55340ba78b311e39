"""Places: where a letter can be put. An agent's slot is one; these are the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stigmergy.protocols.errors import StigmergyError
from stigmergy.protocols.message import Message

from .letter import Letter
from .slot import Part, Slot


class Place(Protocol):
    """Somewhere to put letters."""

    name: str


class Elsewhere:
    """Any place that knows itself what to do with a letter: a pool, another host, the outside, nowhere."""

    __slots__ = ("name", "put")

    def __init__(self, name: str, put: Callable[[Letter], None]) -> None:
        self.name = name
        self.put = put


class Nowhere:
    """An address that leads to nobody."""

    __slots__ = ("error", "name")

    def __init__(self, name: str, error: StigmergyError) -> None:
        self.name = name
        self.error = error


class Topic:
    """Who follows a topic, as a prepared list for each type of message."""

    __slots__ = ("_prepared", "followers", "kinds", "name", "peers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.followers: dict[Slot, None] = {}
        self.kinds: dict[str, Part] = {}
        """Kinds of which one agent gets each post."""
        self.peers: set[str] = set()
        """Other hosts with followers: one letter goes to each."""
        self._prepared: dict[type[Message], list[Slot]] = {}

    def follow(self, slot: Slot) -> None:
        """From now on this agent gets every post."""
        self.followers[slot] = None
        self._prepared.clear()

    def unfollow(self, slot: Slot) -> None:
        """It gets no more."""
        self.followers.pop(slot, None)
        self._prepared.clear()

    def of(self, message: type[Message]) -> list[Slot]:
        """The followers that accept a type."""
        found = self._prepared.get(message)
        if found is None:
            found = self._prepared[message] = [slot for slot in self.followers if message in slot.part.acts]
        return found
