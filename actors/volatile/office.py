"""The office: finds places by address, and puts what a turn sends where it goes.

The rule of this file: what is sent is paid for and looked at first, and what cannot be delivered is
buried with a reason.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable
from typing import Any

from stigmergy.protocols.errors import NoSuchAgent, Quarantined, SwarmStopped
from stigmergy.protocols.ids import check_address, check_name, is_name, skill_of

from ..registry.registry import no_kind
from ..watchdog.sightings import Action, Verdict
from .crowd import Crowd
from .guard import Probe, Sent
from .letter import Letter, Talk
from .places import Elsewhere, Far, Nowhere, Place, Topic
from .pools import Pools
from .slot import Part, Slot
from .turn import Ground, Turn

_letter = tuple.__new__
"""Makes a letter of its fields in half the time."""

MANY = 10_000
"""New agents after which the garbage collector is told not to walk through them again."""

OUTSIDE = "client"
"""The kind of everybody outside: drivers and their requests."""


class Office:
    """The places of one host."""

    def __init__(self, host: Ground) -> None:
        self._host = host
        self.pools = Pools(host)
        self.crowd: Crowd | None = None
        """Who counts agents, if they are to be counted."""
        self.topics: dict[str, Topic] = {}
        self._wild: dict[str, list[Slot | Far]] = {}
        """Followers of all topics that begin so."""
        for part in host.parts.values():
            for name in part.spec.topics:
                self.topic(name).kinds[part.spec.name] = part

    # -- where -------------------------------------------------------------------------------

    def find(self, address: str, sender: str = "") -> Place:
        """The place that an address means, for a message of this sender. Raises: InvalidName."""
        host = self._host
        place = host.places.get(address)
        if place is not None:
            return place
        kind, slash, key = address.partition("/")
        part = host.parts.get(kind)
        if part is not None and slash:
            if not is_name(key):
                check_name(key, "key")  # says what is wrong
            far = None if host.mesh is None else host.mesh.elsewhere(address)
            if far is not None:
                if type(far) is Far:
                    host.places[address] = far
                return far
            full = None if self.crowd is None else self.crowd.enter(address, sender)
            if full is not None:
                return Nowhere(address, full)
            if not len(host.places) % MANY:
                gc.freeze()  # agents live long: nobody shall walk through them in search of rubbish
            slot = host.places[address] = Slot(address, part)
            if host.mesh is not None:
                host.mesh.created(slot)
            return slot
        place = self._place(check_address(address))
        if type(place) is not Nowhere:
            host.places[address] = place
        return place

    def topic(self, name: str) -> Topic:
        """A topic, which comes into being when somebody follows it or posts to it."""
        topic = self.topics.get(name)
        if topic is None:
            topic = self.topics[name] = Topic(name)
            for prefix, slots in self._wild.items():
                if name.startswith(prefix):
                    for slot in slots:
                        topic.follow(slot)
        return topic

    def follow(self, name: str, slot: Slot | Far) -> None:
        """Let an agent, or a whole host, follow a topic; a name ending in ``*`` means all that begin so."""
        if not name.endswith("*"):
            self.topic(name).follow(slot)
            return
        slots = self._wild.setdefault(name[:-1], [])
        if slot not in slots:
            slots.append(slot)
        for topic in self.topics.values():
            if topic.name.startswith(name[:-1]):
                topic.follow(slot)

    def unfollow(self, name: str, slot: Slot | Far) -> bool:
        """Let it follow a topic no more. Returns whether other agents here do."""
        if not name.endswith("*"):
            self.topic(name).unfollow(slot)
            return bool(self.topic(name).followers)
        slots = self._wild.get(name[:-1], [])
        if slot in slots:
            slots.remove(slot)
            for topic in self.topics.values():
                if topic.name.startswith(name[:-1]):
                    topic.unfollow(slot)
        return any(type(each) is Slot for each in slots)

    def followed(self, slot: Slot) -> list[str]:
        """The topics that an agent follows, as it has called them."""
        wild = [prefix for prefix, slots in self._wild.items() if slot in slots]
        plain = [name for name, topic in self.topics.items() if slot in topic.followers]
        return [f"{prefix}*" for prefix in wild] + [name for name in plain if not name.startswith(tuple(wild))]

    def _place(self, address: str) -> Place:
        host = self._host
        kind, _, _ = address.partition("/")
        if kind == OUTSIDE:
            return Elsewhere(address, lambda letter: host.outside(address, letter))
        skill = skill_of(address)
        if skill is not None:
            parts = [part for part in host.parts.values() if skill in part.spec.skills]
            if not parts:
                return Nowhere(address, NoSuchAgent(f"nobody has the skill {skill!r}"))
            return Elsewhere(address, lambda letter: self._offer(skill, parts, letter))
        part = host.parts.get(kind)
        if part is None:
            return Nowhere(address, no_kind(kind, host.parts))
        far = None if host.mesh is None else host.mesh.elsewhere(kind)
        return far or Elsewhere(kind, lambda letter: self.pools.put(part, letter))

    # -- out ---------------------------------------------------------------------------------

    def send(self, turn: Turn) -> Awaitable[None] | None:
        """Send what a turn wants sent. What is returned must be awaited: its sender has to wait for room.

        The caller has paid. Raises: SwarmStopped.
        """
        host, slot, own = self._host, turn.slot, turn.letter
        if host.stopped is not None:
            raise SwarmStopped(host.stopped[1], host.stopped[0])
        sends, turn.sends = turn.sends, []
        talk, hops, causer, cause, sender, number = own.talk, own.hops + 1, own.sender, own.number, slot.name, slot.sent
        guard, put, many = host.guard, host.arrivals.append, len(sends)
        slot.sent = number + many
        talk.messages += many
        few, same = guard.few, 0
        suspicious = hops > guard.shallow or talk.messages > guard.burst
        probe = Probe() if many > few else None
        full: Slot | Far | None = None
        for place, message, taint in sends:
            number += 1
            letter = _letter(Letter, (message, sender, number, talk, causer, cause, hops, taint, None, ""))
            if probe is not None:
                same = probe.again(place, message)
            if (suspicious or same > few) and not self._passes(place.name, letter, same):
                continue
            if type(place) is Slot:
                put((place, letter))
                if place.mail is not None and place.full and place is not slot:
                    full = place
            elif type(place) is Far:
                road = place.road
                road.put(place.name, letter)
                if road.tight and place.full:
                    full = place
            else:
                self.put(place, letter)
        if host.ready:
            host.wake()
        return None if full is None else host.room(full)

    def put(self, place: Any, letter: Letter) -> None:
        """Put a letter where it goes."""
        host = self._host
        kind = type(place)
        if kind is Slot:
            host.arrivals.append((place, letter))
        elif kind is Topic:
            self._post(place, letter._replace(topic=place.name))
        elif kind is Nowhere:
            host.bury(letter, place.name, place.reason, place.error)
        else:
            place.put(letter)
        host.wake()

    def check(self, to: str, letter: Letter, same: int) -> None:
        """Look at an ask before it goes out. Raises: Quarantined."""
        if not self._passes(to, letter, same):
            raise Quarantined(f"conversation was quarantined: {letter.talk.ended}")

    def _passes(self, to: str, letter: Letter, same: int) -> bool:
        """Whether the watchdog lets a message through; one that it does not is buried."""
        host, talk = self._host, letter.talk
        if not talk.ended:
            verdict = host.guard.look(Sent(to, letter), same, host.now())
            if verdict is not None:
                self.carry_out(verdict, talk)
        if talk.ended:
            host.bury(letter, to, "quarantined", Quarantined(f"conversation was quarantined: {talk.ended}"))
        return not talk.ended

    def carry_out(self, verdict: Verdict, talk: Talk | None) -> None:
        """Do what the watchdog says about a conversation, and tell the board and all hosts."""
        host = self._host
        if talk is not None and verdict.action in {Action.QUARANTINE, Action.STOP}:
            talk.ended = f"{verdict.reason}: {verdict.exchange}"
            if host.mesh is not None:
                host.mesh.quarantine(talk)
        host.board.tell("verdict", verdict.to_plain())
        if verdict.action == Action.STOP:
            host.stop("loop", f"{verdict.reason}: {verdict.exchange}")

    def begin_wait(self, turn: Turn, place: Slot) -> None:
        """Somebody waits for an answer of an agent here. Raises: Quarantined when that closes a ring."""
        host, letter = self._host, turn.letter
        verdict = host.guard.waits(turn.slot.name, place.name, letter.talk, host.now(), reentrant=place.part.reentrant)
        if verdict is not None:
            host.guard.answered(turn.slot.name, place.name)
            self.carry_out(verdict, letter.talk)
            raise Quarantined(f"conversation was quarantined ({verdict.reason}): {verdict.exchange}")

    def end_wait(self, turn: Turn, place: Slot) -> None:
        """The wait is over."""
        self._host.guard.answered(turn.slot.name, place.name)

    # -- inside ------------------------------------------------------------------------------

    def _post(self, topic: Topic, letter: Letter) -> None:
        for far in topic.abroad:
            far.put(letter)
        self.spread(topic, letter)
        for part in topic.kinds.values():
            if type(letter.message) in part.acts:
                self.put(self.find(part.spec.name), letter)

    def spread(self, topic: Topic, letter: Letter) -> None:
        """Put a post into the mail of everybody here who follows its topic."""
        host = self._host
        slots = topic.of(type(letter.message))
        if slots:
            sender = host.places.get(letter.sender)
            if sender in topic.followers:
                slots = [slot for slot in slots if slot is not sender]
            host.arrivals.append((slots, letter))

    def _offer(self, skill: str, parts: list[Part], letter: Letter) -> None:
        for part in parts:
            if type(letter.message) in part.acts:
                self.put(self.find(part.spec.name), letter)
                return
        what = letter.message.message_type
        error = NoSuchAgent(f"nobody has the skill {skill!r} and accepts {what}; it is offered, but for other messages")
        self._host.bury(letter, f"skill:{skill}", "undeliverable", error)
