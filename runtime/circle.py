"""The circle: who is made known to each other: hosts of a volatile swarm, and the driver's own.

Hosts of a durable swarm know the board alone.
"""

from __future__ import annotations

from typing import Final

from stigmergy.actors.transport.processes import Process
from stigmergy.actors.volatile.service import VolatileService
from stigmergy.protocols.errors import StigmergyError

GATE: Final = "client/gate"
"""The name of a driver's own host."""


class Circle:
    """The hosts of one swarm that have links to each other."""

    def __init__(self, gate: VolatileService | None = None) -> None:
        """``gate`` is the driver's own host: without agents, and with a link to every other."""
        self._gate = gate
        self._members: dict[str, Process] = {}

    @property
    def meshed(self) -> bool:
        """Whether there are links between hosts at all."""
        return self._gate is not None

    async def introduce(self, name: str, process: Process) -> None:
        """Make a host that has been opened known to all others, and them to it. Raises: PeerGone when it has died."""
        if self._gate is None:
            return
        others = dict(self._members)
        self._members[name] = process  # at once: of two that come together, the second one sees to it
        for other_name, other in others.items():
            await process.attach(other_name, other)
            try:
                await other.attach(name, process)
            except StigmergyError:  # it has died, and whoever listens to it will say so
                self._members.pop(other_name, None)
        await process.attach_driver(GATE, self._gate)  # first: a newcomer says nothing, and the gate may at once
        self._gate.attach(name, process)
