"""What the board hears from volatile hosts: dead letters, verdicts, messages to drivers, and what a round has brought.

Such a host judges and buries by itself; the board keeps the record and tells drivers, as ever. What agents that go by
rounds do to the blackboard comes together, when a round ends, in an order that depends on nothing else; time there is
the number of the round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError, pack

from .clerk import Clerk
from .dead_letters import Death
from .machines import Machines


class Outpost:
    """Requests of volatile hosts."""

    def __init__(
        self, machines: Machines, clerk: Clerk, act: Callable[[str, dict[str, Any], str, str, str], Any]
    ) -> None:
        """``act(operation, arguments, who, op, conversation)`` changes the blackboard at once."""
        self._m = machines
        self._clerk = clerk
        self._act = act
        self.requests: dict[str, Callable[[str, int, Any], Any]] = {
            "bury": lambda _p, _t, a: self._bury(Envelope.from_wire(a[0]), a[1], a[2], a[3]),
            "verdict": lambda _p, _t, a: self._verdict(a),
            "told": lambda _p, _t, a: self._m.outbox.tell(a[4], "told", a),
            "acts of a round": lambda _p, _t, a: self._acts(*a),
            "look in a round": lambda _p, _t, a: self._look(*a),
        }

    def _acts(self, number: int, acts: list[list[Any]]) -> list[list[Any]]:
        """Carry out what agents did in a round, in order. Returns ``[True, result]`` or ``[False, error]`` for each."""
        self._enter(number)
        results: list[list[Any]] = []
        for act in acts:
            try:
                results.append([True, self._act(*act)])
            except StigmergyError as error:
                results.append([False, pack(error)])
        return results

    def _look(self, number: int, operation: str, arguments: dict[str, Any]) -> Any:
        self._enter(number)
        return self._m.space.look(operation, arguments, self._m.moment)

    def _enter(self, number: int) -> None:
        """It is that round now: leases that end with it end first."""
        m = self._m
        if m.round is None or number > m.round:
            m.round = number
            for lapse in m.space.expire(m.moment):
                self._clerk.lapsed(lapse)

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
