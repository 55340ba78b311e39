"""The sorting office: the office of a host that goes by rounds. What is sent in a round waits here until its end.

Then it is sorted: each agent gets its letters ordered by sender and by the sender's own count, whatever turn happened
to end first. The same holds for what many share: pools give their letters out when all have come, and a follow counts
for what is posted from the next round on.
"""

from __future__ import annotations

from collections.abc import Awaitable
from operator import attrgetter
from typing import Any, Final

from stigmergy.protocols.errors import SwarmStopped

from .digest import Digest
from .guard import Probe
from .handout import Handout
from .letter import Letter
from .office import OUTSIDE, Office
from .places import Far, Nowhere, Place, Topic
from .running import runner
from .slot import Slot
from .turn import Ground, Turn

_letter = tuple.__new__
"""Makes a letter of its fields in half the time."""

CROWDED: Final = 4
"""When one agent in four has letters, it is faster to look at all agents in order than to sort those that have."""

_by_name = attrgetter("name")


class Sorting(Office):
    """The places of one host, and what is on its way to them."""

    def __init__(self, host: Ground) -> None:
        super().__init__(host)
        self.pools = self._handout = Handout(host)
        self.digest = Digest()
        self.places: list[Place] = []
        """Where to goes what was sent in this round,"""
        self.letters: list[Letter] = []
        """and what it is, at the same positions."""
        self.mixed = False
        """Whether letters of one agent may be in another order than that of their senders."""
        self._sorting = False
        self._due: list[Slot] = []
        """Agents that have letters."""
        self._order: list[Slot] = []
        """All agents that ever had letters, by name; the newest are in `_new`."""
        self._new: list[Slot] = []
        self._changes: list[tuple[bool, str, Slot | Far]] = []
        """Who wants to follow a topic, or to follow it no more."""

    def admit(self, everyone: Far) -> None:
        """Every post goes to another host, too, where it finds its followers."""
        super().follow("*", everyone)

    def dismiss(self, everyone: Far) -> None:
        """Another host is gone, and places there are to be looked for again."""
        super().unfollow("*", everyone)
        places = self._host.places
        for address in [address for address, place in places.items() if type(place) is Far]:
            del places[address]

    @property
    def left(self) -> bool:
        """Whether anything is to be delivered."""
        return bool(self._due or self.letters) or self._handout.waiting

    def _place(self, address: str) -> Place:
        mesh = self._host.mesh
        far = mesh.elsewhere(address) if mesh is not None and address.startswith(f"{OUTSIDE}/") else None
        return far or super()._place(address)

    # -- in ----------------------------------------------------------------------------------

    def send(self, turn: Turn) -> Awaitable[None] | None:
        """See `Office.send`. Nobody has to wait for room: a round is the bound. Raises: SwarmStopped."""
        host, slot, own = self._host, turn.slot, turn.letter
        if host.stopped is not None:
            raise SwarmStopped(host.stopped[1], host.stopped[0])
        sends, turn.sends = turn.sends, []
        guard, talk, hops = host.guard, own.talk, own.hops + 1
        talk.messages += len(sends)
        few, same = guard.few, 0
        suspicious = hops > guard.shallow or talk.messages > guard.burst
        probe = Probe() if len(sends) > few else None
        for place, message, taint in sends:
            slot.sent += 1
            fields = (message, slot.name, slot.sent, talk, own.sender, own.number, hops, taint, None, "")
            letter = _letter(Letter, fields)
            if probe is not None:
                same = probe.again(place, message)
            if not (suspicious or same > few) or self._passes(place.name, letter, same):
                self.put(place, letter)
        return None

    def put(self, place: Any, letter: Letter) -> None:
        """See `Office.put`."""
        if self._sorting:
            self._route(place, letter)
            return
        self.mixed = True
        self.places.append(place)
        self.letters.append(letter)

    def follow(self, name: str, slot: Slot | Far) -> None:
        """See `Office.follow`; from the next round on."""
        self._changes.append((True, name, slot))

    def unfollow(self, name: str, slot: Slot | Far) -> bool:
        """See `Office.unfollow`; from the next round on."""
        self._changes.append((False, name, slot))
        return True

    def begin_wait(self, turn: Turn, slot: Slot) -> None:
        """See `Office.begin_wait`. A ring of asks ends with its deadlines, to which virtual time jumps."""

    def end_wait(self, turn: Turn, slot: Slot) -> None:
        """See `Office.end_wait`."""

    # -- at the end of a round ---------------------------------------------------------------

    def sort(self) -> int:
        """Put what was sent where it goes. Returns how many letters it was."""
        many = len(self.letters)
        others = self._drop() if runner is None else runner.sort(self.places, self.letters, self._due, self._enter)
        self.places.clear()
        self.letters.clear()
        if others:
            self.route(others)
        return many

    def _drop(self) -> list[tuple[Place, Letter]]:
        """Put letters into the inboxes of agents. Returns those that go elsewhere."""
        others = []
        for place, letter in zip(self.places, self.letters, strict=True):
            if type(place) is Slot:
                self._give(place, letter)
            else:
                others.append((place, letter))
        return others

    def route(self, sent: list[tuple[Place, Letter]]) -> None:
        """Put letters where they go, in the order of their senders."""
        self.mixed = True
        sent.sort(key=_by_letter)
        self._sorting = True
        for place, letter in sent:
            self._route(place, letter)
        self._sorting = False

    def collect(self) -> list[tuple[Place, Letter]]:
        """Take out what was sent, and where to, instead of sorting it."""
        sent = list(zip(self.places, self.letters, strict=True))
        self.places.clear()
        self.letters.clear()
        return sent

    def turn(self) -> None:
        """The round is over, and all that was posted in it has come: let follows take effect."""
        changes, self._changes = self._changes, []
        for follows, name, who in changes:
            super().follow(name, who) if follows else super().unfollow(name, who)

    def hand_out(self) -> None:
        """All letters for pools have come: give them out."""
        self.mixed = self.mixed or self._handout.waiting
        self._sorting = True
        self._handout.hand_out()
        self._sorting = False

    def take(self) -> list[Slot]:
        """The agents that have letters, by name; the caller takes the letters."""
        due, self._due = self._due, []
        if len(due) * CROWDED < len(self._order) + len(self._new):
            due.sort(key=_by_name)
            return due
        if self._new:
            self._order += self._new
            self._new.clear()
            self._order.sort(key=_by_name)
        return [slot for slot in self._order if slot.inbox is not None]

    def _enter(self, slot: Slot) -> None:
        slot.notes = self.digest.notes(slot.name)
        self._new.append(slot)

    def spread(self, topic: Topic, letter: Letter) -> None:
        """See `Office.spread`."""
        sender = self._host.places.get(letter.sender)
        for slot in topic.of(type(letter.message)):
            if slot is not sender:
                self._give(slot, letter)

    def _give(self, slot: Slot, letter: Letter) -> None:
        if slot.receives(letter):
            self._due.append(slot)
            if slot.notes is None:
                self._enter(slot)

    def _route(self, place: Any, letter: Letter) -> None:
        kind = type(place)
        if kind is Slot:
            self._give(place, letter)
        elif kind is Topic:
            self._post(place, letter._replace(topic=place.name))
        elif kind is Nowhere:
            self._host.bury(letter, place.name, place.reason, place.error)
        else:
            place.put(letter)


def _by_letter(posted: tuple[Place, Letter]) -> tuple[str, int]:
    return posted[1].sender, posted[1].number
