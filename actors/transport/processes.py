"""Processes: where a service runs, and how it is reached from outside.

A service is a plain class with ``receive``, ``attach``, ``health`` and ``close``. `RayProcess` runs one in a Ray actor,
`LocalProcess` in this process; both take and give the same bytes, so what would not survive the wire fails in a unit
test as well.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

from stigmergy.protocols.codec import pack, unpack

from .link import Handle, PeerGone
from .services import Driver, Holding, Service, build


class Process(Handle, Protocol):
    """A running service, from outside."""

    name: str

    async def open(self, factory: str, config: dict[str, Any]) -> None:
        """Build the service with ``factory`` (``module:function``, called with the configuration)."""
        ...

    async def attach(self, peer: str, process: Process) -> None:
        """Tell the service how to reach a peer."""
        ...

    async def attach_driver(self, peer: str, driver: Driver) -> None:
        """Connect the caller itself, which may not be callable from outside."""
        ...

    async def health(self, timeout_s: float = 3.0) -> dict[str, Any]:
        """The service's figures, and its ``pid``. Raises: PeerUnavailable when there is no answer in time, PeerGone."""
        ...

    async def close(self) -> None:
        """Stop the service in good order, then its process."""
        ...

    def kill(self) -> None:
        """End the process at once."""
        ...


class Holder:
    """Has a service until it has stopped."""

    def __init__(self) -> None:
        self.held: Service | None = None
        """Its service, until that has stopped."""
        self._closing = False

    async def close(self) -> None:
        """Stop the service in good order. Until the end its peers can reach it: what it lets finish needs them."""
        service = self.held
        if service is None or self._closing:
            return
        self._closing = True
        try:
            await service.close()
        finally:
            self.held = None


class LocalProcess(Holder):
    """A service in this process, behind the same bytes."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    async def open(self, factory: str, config: dict[str, Any]) -> None:
        """See `Process.open`."""
        self.held = build(factory, unpack(pack(config)))

    async def receive(self, data: bytes) -> bytes:
        """See `Handle.receive`."""
        if self.held is None:
            raise PeerGone(f"{self.name} is not running")
        return await self.held.receive(data)

    async def attach(self, peer: str, process: Process) -> None:
        """See `Process.attach`."""
        self.service.attach(peer, process)

    async def attach_driver(self, peer: str, driver: Driver) -> None:
        """See `Process.attach_driver`."""
        self.service.attach(peer, driver)

    async def health(self, timeout_s: float = 3.0) -> dict[str, Any]:  # noqa: ARG002 - nothing to wait for
        """See `Process.health`."""
        return {"pid": os.getpid(), **self.service.health()}

    def kill(self) -> None:
        """Forget the service, as a crash would. This process lives on, so what the kernel would free is let go of."""
        service, self.held = self.held, None
        if isinstance(service, Holding):
            service.let_go()

    @property
    def service(self) -> Service:
        """The service itself, for who is in the same process. Raises: PeerGone."""
        if self.held is None:
            raise PeerGone(f"{self.name} is not running")
        return self.held
