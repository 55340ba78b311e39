"""Places: where a letter can be put. An agent's slot is one; these are the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, final

from stigmergy.protocols.errors import BudgetExhausted, StigmergyError
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


class Road(Protocol):
    """The way to another host; see `Peer`."""

    room: list[asyncio.Future[None]] | None
    crowded: set[str]
    """Agents there whose mailboxes are full."""
    tight: bool
    """Whether anybody may have to wait at all."""

    @property
    def full(self) -> bool:
        """Whether senders shall wait."""
        ...

    @property
    def waiting(self) -> int:
        """Letters that wait."""
        ...

    def put(self, to: str, letter: Letter, /) -> None:
        """Send a letter there."""
        ...

    def say(self, name: str, payload: str, /) -> None:
        """Say something to the host itself, whatever waits."""
        ...


class Far:
    """An agent that lives on another host."""

    __slots__ = ("busy", "name", "reserved", "road")

    def __init__(self, name: str, road: Road) -> None:
        """``name`` is empty when all are meant who follow a topic there."""
        self.name = name
        self.road = road
        self.busy = False
        self.reserved = False
        """A letter of a pool is on its way to it, or being handled."""

    def put(self, letter: Letter) -> None:
        """Send it a letter."""
        self.road.put(self.name, letter)

    @property
    def full(self) -> bool:
        """Whether senders shall wait."""
        return self.road.full or self.name in self.road.crowded

    @property
    def room(self) -> list[asyncio.Future[None]] | None:
        """Senders that wait."""
        return self.road.room

    @room.setter
    def room(self, waiting: list[asyncio.Future[None]] | None) -> None:
        self.road.room = waiting


@final
class Nowhere:
    """An address that leads to nobody."""

    __slots__ = ("error", "name")

    def __init__(self, name: str, error: StigmergyError) -> None:
        self.name = name
        self.error = error

    @property
    def reason(self) -> str:
        """Why what is sent there dies."""
        return "budget" if isinstance(self.error, BudgetExhausted) else "undeliverable"


class Topic:
    """Who follows a topic, as a prepared list for each type of message."""

    __slots__ = ("_prepared", "abroad", "followers", "kinds", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.followers: dict[Slot, None] = {}
        self.kinds: dict[str, Part] = {}
        """Kinds of which one agent gets each post."""
        self.abroad: dict[Far, None] = {}
        """Other hosts with followers: one letter goes to each."""
        self._prepared: dict[type[Message], list[Slot]] = {}

    def follow(self, who: Slot | Far) -> None:
        """From now on this agent, or host, gets every post."""
        if type(who) is Slot:
            self.followers[who] = None
            self._prepared.clear()
        elif type(who) is Far:
            self.abroad[who] = None

    def unfollow(self, who: Slot | Far) -> None:
        """It gets no more."""
        if type(who) is Slot:
            self.followers.pop(who, None)
            self._prepared.clear()
        elif type(who) is Far:
            self.abroad.pop(who, None)

    def of(self, message: type[Message]) -> list[Slot]:
        """The followers that accept a type."""
        found = self._prepared.get(message)
        if found is None:
            found = self._prepared[message] = [slot for slot in self.followers if message in slot.part.acts]
        return found
