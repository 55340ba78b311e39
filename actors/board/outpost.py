"""What the board hears from volatile hosts: dead letters, verdicts, and messages to drivers.

Such a host judges and buries by itself; the board keeps the record and tells drivers, as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stigmergy.protocols.envelope import Envelope

from .clerk import Clerk
from .dead_letters import Death
from .machines import Machines


class Outpost:
    """Requests of volatile hosts."""

    def __init__(self, machines: Machines, clerk: Clerk) -> None:
        self._m = machines
        self._clerk = clerk
        self.requests: dict[str, Callable[[str, int, Any], Any]] = {
            "bury": lambda _p, _t, a: self._bury(Envelope.from_wire(a[0]), a[1], a[2], a[3]),
            "verdict": lambda _p, _t, a: self._verdict(a),
            "told": lambda _p, _t, a: self._m.outbox.tell(a[4], "told", a),
        }

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
