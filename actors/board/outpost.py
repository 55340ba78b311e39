"""What the board hears from volatile hosts: dead letters, verdicts, and messages to drivers.

Such a host judges and buries by itself; the board keeps the record and tells drivers, as ever. Rounds that are played
again bring the same once more, which nobody is told twice. A host tells in the order of its rounds, so all that it had
to tell of those before its newest one has come; and of that one, what has come is known by its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from stigmergy.protocols.envelope import Envelope

from .clerk import Clerk
from .dead_letters import Death
from .machines import Machines


class Heard:
    """What one host has told of the newest round of which it has told anything."""

    __slots__ = ("again", "known", "round")

    def __init__(self, number: int) -> None:
        self.round = number
        self.known: Counter[tuple[str, ...]] = Counter()
        """How often what has come,"""
        self.again: Counter[tuple[str, ...]] = Counter()
        """and since all began again."""

    def knows(self, what: tuple[str, ...]) -> bool:
        """Note that something has come. Returns whether it had come before all began again."""
        self.again[what] += 1
        known = self.known[what]
        self.known[what] = max(known, self.again[what])
        return self.again[what] <= known


class Outpost:
    """Requests of volatile hosts."""

    def __init__(self, machines: Machines, clerk: Clerk) -> None:
        self._m = machines
        self._clerk = clerk
        self._heard: dict[str, Heard] = {}
        """By host, whichever life of it."""
        self.requests: dict[str, Callable[[str, int, Any], Any]] = {
            "bury": lambda _p, _t, a: self._bury(Envelope.from_wire(a[0]), a[1], a[2], a[3]),
            "verdict": lambda _p, _t, a: self._verdict(a),
            "told": lambda _p, _t, a: self._told(a),
            "of a round": lambda peer, _t, a: self._of_a_round(peer, *a),
        }

    def begin_again(self) -> None:
        """All that has come will come once more."""
        for heard in self._heard.values():
            heard.again.clear()

    def _of_a_round(self, peer: str, number: int, name: str, payload: Any) -> None:
        """Something that may come once more, with the round in which it happened there."""
        host = peer.partition(".")[0]
        heard = self._heard.get(host)
        if heard is None or heard.round < number:
            heard = self._heard[host] = Heard(number)
        if number == heard.round and not heard.knows(_name_of(name, payload)):
            self.requests[name](peer, 0, payload)

    def _bury(self, envelope: Envelope, reason: str, detail: str, attempts: int) -> None:
        m = self._m
        self._clerk.dead_letters.post(envelope, Death(reason, detail, m.now, attempts, envelope.to), m.now)
        m.outbox.event(
            "dead_letter",
            {"to": envelope.to, "type": envelope.type, "reason": reason, "detail": detail.partition("\n")[0]},
        )

    def _verdict(self, plain: dict[str, Any]) -> None:
        self._m.record("watch.verdict", plain)
        self._m.outbox.event("verdict", plain)

    def _told(self, fields: list[Any]) -> None:
        self._m.outbox.tell(fields[4], "told", fields)


def _name_of(name: str, payload: Any) -> tuple[str, ...]:
    """What tells it from all others of its round, but for those that are quite alike: these are counted."""
    if name == "verdict":
        return name, payload["conversation"], payload["reason"], *payload["agents"]
    envelope = Envelope.from_wire(payload[0] if name == "bury" else payload)
    return name, envelope.id, envelope.to
