"""Engines: where the processes of a swarm run. Same classes, same bytes; only the walls differ."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Final, Literal, Protocol

from stigmergy.actors.transport.handles import RayProcess, Sockets, actor_with
from stigmergy.actors.transport.processes import LocalProcess, Process
from stigmergy.actors.transport.spares import Spares

from .settings import Settings

EngineName = Literal["ray", "local"]

OPENERS: Final = ("stigmergy.actors.board.service", "stigmergy.runtime.performer", "stigmergy.runtime.volatile.opening")
"""What a process imports to open a board or a host."""


class Engine(Protocol):
    """Makes processes."""

    shares_disk: bool
    """Whether every process sees the files of the driver."""
    is_one_loop: bool
    """Whether all of them run on the driver's own event loop."""

    async def start(self) -> None:
        """Get ready. Raises: UsageError."""
        ...

    def process(self, name: str, resources: dict[str, Any] | None = None, *, here: bool = False) -> Process:
        """A new process; its service is opened by the caller. ``here``: on the driver's node, whose disk it needs."""
        ...

    def hosts(self) -> int:
        """How many hosts share the work by default."""
        ...

    async def stop(self) -> None:
        """Let go of everything."""
        ...


class LocalEngine:
    """Everything in this process, without Ray: tests and small simulations."""

    shares_disk = True
    is_one_loop = True

    async def start(self) -> None:
        """See `Engine.start`."""

    def process(self, name: str, resources: dict[str, Any] | None = None, *, here: bool = False) -> Process:  # noqa: ARG002 - one process
        """See `Engine.process`."""
        return LocalProcess(name)

    def hosts(self) -> int:
        """One: a second one in the same process would only cost."""
        return 1

    async def stop(self) -> None:
        """See `Engine.stop`."""


class RayEngine:
    """One Ray actor per process, on this machine or on a cluster."""

    is_one_loop = False

    def __init__(self, address: str = "local", sockets: Sockets = "near") -> None:
        from stigmergy.actors.transport.cluster import Cluster

        self._cluster = Cluster(address, os.cpu_count() or 2)
        self._sockets: Sockets = sockets
        self._spares = Spares(OPENERS, self._sockets)
        self.shares_disk = address == "local"

    async def start(self) -> None:
        """See `Engine.start`."""
        self._cluster.start()

    def process(self, name: str, resources: dict[str, Any] | None = None, *, here: bool = False) -> Process:
        """See `Engine.process`."""
        if resources and any(resources.values()):
            return RayProcess(name, actor_with(resources), sockets=self._sockets)
        return self._spares.process(name, self._cluster.here() if here else self._cluster.next_node())

    def hosts(self) -> int:
        """One for each core, at most 4: agents are packed."""
        return min(4, os.cpu_count() or 2)

    async def stop(self) -> None:
        """See `Engine.stop`."""
        try:
            self._spares.close()
        finally:
            await asyncio.to_thread(self._cluster.stop)


def engine_of(name: EngineName, address: str) -> Engine:
    """The engine of that name; ``address`` is where Ray is."""
    if name == "local":
        return LocalEngine()
    return RayEngine(address, "near" if address == "local" or Settings.from_env().ray_use_tls else "far")
