"""What the board hears from volatile hosts: dead letters, verdicts, and messages to drivers.

Such a host judges and buries by itself; the board keeps the record and tells drivers, as ever. Rounds that are played
again bring the same once more, which nobody is told twice. The newest of it is known by its name, and all that is older
by its number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from stigmergy.protocols.envelope import Envelope

from .clerk import Clerk
from .dead_letters import Death
from .machines import Machines

NEWEST: Final = 16_384
"""So much is known by name."""


class Outpost:
    """Requests of volatile hosts."""

    def __init__(self, machines: Machines, clerk: Clerk) -> None:
        self._m = machines
        self._clerk = clerk
        self._known: Counter[tuple[str, ...]] = Counter()
        """What has come in a swarm that goes by rounds, and how often, oldest first,"""
        self._again: Counter[tuple[str, ...]] = Counter()
        """and since it began again."""
        self._older = 0
        """How much has come that is not known by name any more,"""
        self._due = 0
        """and how much of that is still to come again."""
        self.requests: dict[str, Callable[[str, int, Any], Any]] = {
            "bury": lambda _p, _t, a: self._bury(Envelope.from_wire(a[0]), a[1], a[2], a[3]),
            "verdict": lambda _p, _t, a: self._verdict(a),
            "told": lambda _p, _t, a: self._told(a),
        }

    def begin_again(self) -> None:
        """All that has come will come once more."""
        self._again.clear()
        self._due = self._older

    def caught_up(self) -> None:
        """All that had come has come once more."""
        self._due = 0

    def _bury(self, envelope: Envelope, reason: str, detail: str, attempts: int) -> None:
        m = self._m
        if self._came_before("dead", envelope.id, envelope.to):
            return
        self._clerk.dead_letters.post(envelope, Death(reason, detail, m.now, attempts, envelope.to), m.now)
        m.outbox.event(
            "dead_letter",
            {"to": envelope.to, "type": envelope.type, "reason": reason, "detail": detail.partition("\n")[0]},
        )

    def _verdict(self, plain: dict[str, Any]) -> None:
        if self._came_before("verdict", plain["conversation"], plain["reason"], *plain["agents"]):
            return
        self._m.record("watch.verdict", plain)
        self._m.outbox.event("verdict", plain)

    def _told(self, fields: list[Any]) -> None:
        if not self._came_before("told", fields[0]):
            self._m.outbox.tell(fields[4], "told", fields)

    def _came_before(self, *what: str) -> bool:
        if self._m.round is None:
            return False
        if what not in self._known and self._due:
            self._due -= 1
            return True
        self._again[what] += 1
        known = self._known[what]
        self._known[what] = max(known, self._again[what])
        if len(self._known) > NEWEST:
            oldest = next(iter(self._known))
            self._older += self._known.pop(oldest)
            self._again.pop(oldest, None)
        return self._again[what] <= known
