"""Housing: the processes of one swarm, the board and its hosts. Hosts belong to the board that they joined.

When the board is replaced, the hosts are too: what they had is the new board's to hand out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from stigmergy.actors.clock import Clock
from stigmergy.actors.ledger.paths import ROOT
from stigmergy.actors.transport.handles import LocalProcess
from stigmergy.actors.transport.link import PeerGone
from stigmergy.actors.volatile.service import VolatileService
from stigmergy.protocols.errors import UsageError

from .client import Client
from .engines import Engine
from .keeper import BOARD, Household, Keeper
from .luggage import packed
from .roster import Roster
from .shepherd import Shepherd, Yard

DURABLE: Final = "stigmergy.actors.host.host:open_host"
VOLATILE: Final = "stigmergy.runtime.volatile.opening:open_host"
"""What opens a host."""


class Blueprint(NamedTuple):
    """How a swarm's processes are made."""

    engine: Engine
    board: dict[str, Any]
    """What the board is opened with."""
    host: dict[str, Any]
    """What every host is opened with, besides its kinds and its name."""
    hosts: int
    """Shared hosts."""
    roster: Roster
    on_event: Callable[[str, dict[str, Any]], None]
    clock: Clock
    draw: Callable[[], float]
    """Random numbers in [0, 1), for the waits between restarts."""


class Housing:
    """Starts the processes of one swarm and keeps them alive."""

    def __init__(self, blueprint: Blueprint, client: Client) -> None:
        self._plan = blueprint
        self._client = client
        plan = blueprint
        household = Household(plan.engine, plan.board, client, self._abandon, self._rehouse, plan.on_event)
        self._keeper = Keeper(household, plan.clock, plan.draw)
        self._shepherd: Shepherd | None = None
        self._housed: asyncio.Future[None] | None = None
        self._moving: asyncio.Task[None] | None = None
        """Starts the hosts of the newest board."""
        self._unhoused: dict[str, dict[str, Any]] = {}
        """Agents that wanted hosts of their own while nobody could start them."""
        client.on_lost = self._keeper.lost

    @property
    def started(self) -> bool:
        """Whether hosts were asked for."""
        return self._housed is not None

    async def open(self) -> None:
        """Start the board. Raises: UsageError, JournalError."""
        await self._keeper.begin()

    async def start(self) -> None:
        """Start the hosts, once. Raises: UsageError, InvalidCard."""
        if self._housed is None:
            self._housed = asyncio.get_running_loop().create_future()
            _ = self._move_in(self._housed)
        await asyncio.shield(self._housed)

    def lost(self, host: str, reason: str) -> None:
        """The board has given a host up."""
        if self._shepherd is not None:
            self._shepherd.lost(host, reason)

    def wanted(self, agent: str) -> None:
        """An agent needs a host of its own."""
        needs = self._plan.roster.kinds[agent.partition("/")[0]].resources
        resources = {"cpus": needs.cpus, "gpus": needs.gpus, "runtime_env": needs.runtime_env}
        if self._shepherd is None or not self._shepherd.watching:
            self._unhoused[agent] = resources
        else:
            self._shepherd.host_for(agent, resources)

    @property
    def volatile(self) -> VolatileService:
        """The volatile host of this process. Raises: UsageError when there is none."""
        for process in ({} if self._shepherd is None else self._shepherd.processes).values():
            if isinstance(process, LocalProcess) and isinstance(process.service, VolatileService):
                return process.service
        raise UsageError("a swarm with durable=False runs on the local engine: write Swarm(engine='local', ...)")

    async def health(self) -> dict[str, dict[str, Any]]:
        """What each process says of itself, by name. One that does not answer within 3 s is left out."""
        known = {} if self._shepherd is None else self._shepherd.processes
        with suppress(PeerGone):
            known[BOARD] = self._keeper.process
        said = await asyncio.gather(*(process.health() for process in known.values()), return_exceptions=True)
        return {name: health for name, health in zip(known, said, strict=True) if isinstance(health, dict)}

    async def close(self) -> None:
        """Stop the hosts, then the board; whoever waits for hosts hears that there will be none."""
        self._stop_moving()
        if self._housed is not None and not self._housed.done():
            self._housed.set_exception(PeerGone("the swarm is closed"))
            self._housed.exception()
        if self._shepherd is not None:
            await self._shepherd.close()
        await self._keeper.close()

    def _move_in(self, housed: asyncio.Future[None]) -> asyncio.Task[None]:
        self._moving = asyncio.get_running_loop().create_task(self._house(housed))
        return self._moving

    def _stop_moving(self) -> None:
        """One shepherd at a time: two would give their hosts the same names."""
        if self._moving is not None:
            self._moving.cancel()

    async def _house(self, housed: asyncio.Future[None]) -> None:
        """Start the hosts of this moment's board; when it goes meanwhile, `_rehouse` does so for the next."""
        try:
            await self._start_hosts()
        except Exception as error:  # noqa: BLE001 - whoever waits for the hosts must hear of it
            replaced = isinstance(error, PeerGone) and not self._client.ended
            if not housed.done() and not replaced:
                housed.set_exception(error)
                housed.exception()
        else:
            if not housed.done():
                housed.set_result(None)

    async def _start_hosts(self) -> None:
        client, roster = self._client, self._plan.roster
        missing = [kind for kind in await client.call("kinds") if kind not in roster.kinds]
        if missing:
            raise UsageError(f"this run has the kinds {', '.join(missing)} already: add them before it is resumed")
        for spec in roster.kinds.values():
            await client.call("kind", spec.to_plain())
        for kind, budget in roster.budgets.items():
            await client.call("ledger", ["open", f"{ROOT}/kind:{kind}", budget.to_plain()])
        config = {
            "performer": "stigmergy.runtime.performer:open_performer",
            "kinds": [spec.to_plain() for spec in roster.kinds.values()],
            "paths": roster.paths,
            "luggage": [] if self._plan.engine.shares_disk else packed(roster.paths),
            **self._plan.host,
        }
        plan, board = self._plan, self._keeper.process
        calls, luck = (client.call, client.call_once), (plan.clock, plan.draw)
        yard = Yard(plan.engine, board, *calls, config, plan.on_event, *luck, lambda: client.stopped is not None)
        shepherd = self._shepherd = Shepherd(yard)
        await shepherd.begin(self._plan.hosts)
        unhoused, self._unhoused = self._unhoused, {}
        for agent, resources in unhoused.items():
            shepherd.host_for(agent, resources)

    def _abandon(self) -> None:
        self._stop_moving()
        shepherd, self._shepherd = self._shepherd, None
        if shepherd is not None:
            shepherd.abandon()

    async def _rehouse(self) -> None:
        if self._client.stopped is not None:
            await self._client.call("stop", list(self._client.stopped))
        if self._housed is not None:
            self._abandon()  # this may have waited for a board that died meanwhile, and come second for its successor
            await asyncio.wait([self._move_in(self._housed)])
