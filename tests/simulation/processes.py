"""Simulated processes as the runtime sees them: an `Engine` and its `Process`es, around the real services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stigmergy.actors.transport.link import PeerGone
from stigmergy.actors.transport.processes import Process
from stigmergy.actors.transport.services import Driver, Service

from .loop import ProcessLoop
from .network import Network, Work

Build = Callable[[ProcessLoop, str, dict[str, Any]], Service]
"""Makes what runs in a process, as ``module:function`` would with that configuration."""

KILL_S = 0.05
LINGER_S = 5.3
"""How long a process lives on after Ray was told to kill it: a moment, or at most (measured)."""


class Far:
    """A `Handle`: a process as another one reaches it."""

    def __init__(self, network: Network, source: ProcessLoop, target: ProcessLoop) -> None:
        self.name = target.name
        self.target = target
        self._network = network
        self._source = source

    async def receive(self, data: bytes) -> bytes:
        """See `Handle.receive`."""

        async def work() -> bytes:
            if self.target.service is None:
                raise PeerGone(f"{self.name} is not running")
            back: bytes = await self.target.service.receive(data)
            return back

        answer: bytes = await self._network.call(self._source, self.target, work, may_double=True)
        return answer


class Near(Far):
    """A `Process` as its driver holds it."""

    def __init__(self, network: Network, source: ProcessLoop, target: ProcessLoop, build: Build) -> None:
        super().__init__(network, source, target)
        self._build = build

    async def open(self, factory: str, config: dict[str, Any]) -> None:
        """See `Process.open`."""

        async def work() -> None:
            self.target.service = self._build(self.target, factory, config)

        await self._ask(work)

    async def attach(self, peer: str, process: Process) -> None:
        """See `Process.attach`."""
        if not isinstance(process, Far):
            raise TypeError(f"{peer} is no simulated process")
        target = process.target

        async def work() -> None:
            self.target.service.attach(peer, Far(self._network, self.target, target))

        await self._ask(work)

    async def attach_driver(self, peer: str, _driver: Driver) -> None:
        """See `Process.attach_driver`."""

        async def work() -> None:
            self.target.service.attach(peer, Far(self._network, self.target, self._source))

        await self._ask(work)

    async def health(self, timeout_s: float = 3.0) -> dict[str, Any]:
        """See `Process.health`."""

        async def work() -> dict[str, Any]:
            figures: dict[str, Any] = self.target.service.health()
            return figures

        health: dict[str, Any] = await self._ask(work, timeout_s)
        return health

    async def close(self) -> None:
        """See `Process.close`."""

        async def work() -> None:
            await self.target.create_task(self.target.service.close())

        await self._ask(work)
        self.kill()

    def kill(self) -> None:
        """See `Process.kill`."""
        self._network.later(LINGER_S if self.target.lingers else KILL_S, self.target.end)

    async def _ask(self, work: Callable[[], Work], timeout_s: float = 30.0) -> Any:
        return await self._network.call(self._source, self.target, work, timeout_s)


class SimEngine:
    """An `Engine` of simulated processes."""

    shares_disk = True
    is_one_loop = True

    def __init__(
        self, network: Network, source: ProcessLoop, spawn: Callable[[str], ProcessLoop], build: Build
    ) -> None:
        self._network = network
        self._source = source
        self._spawn = spawn
        self._build = build

    async def start(self) -> None:
        """See `Engine.start`."""

    def process(self, name: str, resources: dict[str, Any] | None = None, *, here: bool = False) -> Near:
        """See `Engine.process`."""
        return Near(self._network, self._source, self._spawn(name), self._build)

    def hosts(self) -> int:
        """See `Engine.hosts`."""
        return 2

    async def stop(self) -> None:
        """See `Engine.stop`."""
