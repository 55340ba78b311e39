"""Housing: the processes of one swarm, its board or boards, and its hosts. Hosts belong to the boards they joined.

When a board is replaced, the hosts are too: what they had of it is the new board's to hand out again. Those boards
that live on have ended these hosts before others join, so nothing that an ended host still does counts anywhere.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from stigmergy.actors.board.neighbours import shard_of
from stigmergy.actors.transport.link import PeerGone, PeerUnavailable
from stigmergy.actors.transport.processes import LocalProcess, Process
from stigmergy.actors.volatile.service import VolatileService
from stigmergy.protocols.errors import StigmergyError, UsageError

from .blueprint import Blueprint, announce, open_gate
from .circle import Circle
from .client import Client
from .closing import in_turn, together
from .keeper import Household, Keeper
from .shepherd import Shepherd, Yard

MEET_S: Final = 0.2
"""How long to wait before boards are introduced to each other again."""

RETIRE_S: Final = 3.0
"""How long a board may take to end its hosts, before these are killed anyway."""

APART_S: Final = 5.0
"""How long two boards that live may have no link to each other."""


class Housing:
    """Starts the processes of one swarm and keeps them alive."""

    def __init__(self, blueprint: Blueprint, client: Client) -> None:
        self._plan = blueprint
        self._client = client
        self._keepers = [self._hire(shard) for shard in client.shards.owners.everybody]
        self._shepherd: Shepherd | None = None
        self._gate: VolatileService | None = None
        """The driver's own host, when hosts have links to each other."""
        self._housed: asyncio.Future[None] | None = None
        self._moving: asyncio.Task[Exception | None] | None = None
        """Starts the hosts of the newest board."""
        self._unhoused: dict[str, dict[str, Any]] = {}
        """Agents that wanted hosts of their own while nobody could start them."""
        self._spared = False
        self._leaving: asyncio.Task[None] | None = None
        """Ends the hosts of a board that is gone."""
        self._meetings: dict[asyncio.Task[None], None] = {}
        """Boards that are being introduced to each other."""
        self._apart: dict[tuple[int, int], float] = {}
        """Since when a shard has had no link to another, though both live."""
        client.on_lost = lambda peer, reason: self._keepers[shard_of(peer)].lost(reason)
        client.on_end = self._give_up

    @property
    def started(self) -> bool:
        """Whether hosts were asked for."""
        return self._housed is not None

    async def open(self) -> None:
        """Start the boards. Raises: UsageError, JournalError."""
        for keeper in self._keepers:
            await keeper.begin()
            self._introduce(keeper)

    async def start(self) -> None:
        """Start the hosts, once, unless nobody needs any. Raises: UsageError, InvalidCard."""
        if self._spared:
            return
        if self._housed is None:
            self._housed = asyncio.get_running_loop().create_future()
            _ = self._move_in(self._housed)
        await asyncio.shield(self._housed)

    def spare(self) -> None:
        """The swarm has stopped: whoever waits for hosts need not wait, and none are started that nobody asked for."""
        self._spared = True
        if self._housed is not None and not self._housed.done():
            self._housed.set_result(None)

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

    async def grow(self, hosts: int) -> list[str]:
        """Start so many hosts more, where hosts are started; returns their names. Raises: UsageError."""
        return [] if self._shepherd is None else await self._shepherd.grow(hosts)

    @property
    def volatile(self) -> VolatileService:
        """The volatile host of this process: that of the driver, or the only one. Raises: UsageError."""
        if self._gate is not None:
            return self._gate
        for process in ({} if self._shepherd is None else self._shepherd.processes).values():
            if isinstance(process, LocalProcess) and isinstance(process.service, VolatileService):
                return process.service
        raise UsageError("a swarm with durable=False runs on the local engine: write Swarm(engine='local', ...)")

    async def health(self) -> dict[str, dict[str, Any]]:
        """What each process says of itself, by name. One that does not answer within 3 s is left out."""
        known = {} if self._shepherd is None else self._shepherd.processes
        for keeper in self._keepers:
            with suppress(PeerGone):
                known[keeper.name] = keeper.process
        said = await asyncio.gather(*(process.health() for process in known.values()), return_exceptions=True)
        return {name: health for name, health in zip(known, said, strict=True) if isinstance(health, dict)}

    async def close(self) -> None:
        """Stop the hosts, then the board; whoever waits for hosts hears that there will be none."""
        self._stop_moving()
        for meeting in list(self._meetings):
            meeting.cancel()
        self._give_up("the swarm is closed")
        if self._leaving is not None:
            await asyncio.wait([self._leaving])
        ends = [one.close for one in (self._shepherd, self._gate) if one is not None]
        await in_turn(*ends, lambda: together(*(keeper.close() for keeper in self._keepers)))

    def _give_up(self, text: str) -> None:
        """There will be no hosts: whoever waits for them hears why."""
        if self._housed is not None and not self._housed.done():
            self._housed.set_exception(PeerGone(text))
            self._housed.exception()

    def _hire(self, shard: int) -> Keeper:
        plan = self._plan
        config = plan.board_of(shard, self._client.shards.owners.shards)
        calls = (self._abandon, self._rehouse, plan.on_event, self._look_at)
        return Keeper(Household(plan.engine, config, shard, self._client, *calls), plan.clock, plan.draw)

    def _introduce(self, keeper: Keeper) -> None:
        """Link the new board of a shard with those of all others that are there, in both directions."""
        here = [one for one in self._keepers if one.is_open and one is not keeper]
        for other in here:
            pair = (keeper, other) if keeper.shard > other.shard else (other, keeper)
            task = asyncio.get_running_loop().create_task(_meet(*((one.peer, one.process) for one in pair)))
            self._meetings[task] = None
            task.add_done_callback(self._meetings.pop)

    def _look_at(self, shard: int, apart: list[int]) -> None:
        """Two boards that live and have lost each other: one of them is opened again, and meets all others anew."""
        now = self._plan.clock.steady()
        self._apart = {pair: since for pair, since in self._apart.items() if pair[0] != shard or pair[1] in apart}
        for other in apart:
            if self._meetings or not self._keepers[other].is_open:
                self._apart.pop((shard, other), None)
            elif now - self._apart.setdefault((shard, other), now) > APART_S:
                self._apart.clear()
                self._keepers[max(shard, other)].lost(f"it has lost its link to the board of shard {min(shard, other)}")
                return

    def _move_in(self, housed: asyncio.Future[None]) -> asyncio.Task[Exception | None]:
        self._moving = asyncio.get_running_loop().create_task(self._house(housed))
        return self._moving

    def _stop_moving(self) -> None:
        """One shepherd at a time: two would give their hosts the same names."""
        if self._moving is not None:
            self._moving.cancel()

    async def _house(self, housed: asyncio.Future[None]) -> Exception | None:
        """Start the hosts of this moment's board; when it goes meanwhile, `_rehouse` does so for the next.

        Returns why there are none, if nobody waits for them who could be told.
        """
        try:
            await self._start_hosts()
            for keeper in self._keepers:  # none has lost its board meanwhile, or this would have been cancelled
                keeper.has_hosts()
        except Exception as error:  # noqa: BLE001 - whoever waits for the hosts must hear of it
            gone = isinstance(error, PeerGone)
            if housed.done():
                return None if gone else error
            if not gone or self._client.ended:
                housed.set_exception(error)
                housed.exception()
        else:
            if not housed.done():
                housed.set_result(None)
        return None

    async def _start_hosts(self) -> None:
        client, plan = self._client, self._plan
        await announce(plan.roster, client)
        config = plan.every_host(len(self._keepers))
        if config.get("mesh"):
            self._gate = await open_gate(self._keepers[0], config)
        yard = Yard(
            engine=plan.engine,
            boards={keeper.peer: keeper.process for keeper in self._keepers},
            call=client.call,
            call_once=client.call_once,
            config=config,
            on_event=plan.on_event,
            clock=plan.clock,
            draw=plan.draw,
            circle=Circle(self._gate),
            stopped=lambda: client.stopped is not None,
        )
        shepherd = self._shepherd = Shepherd(yard)
        await shepherd.begin(plan.hosts)
        if self._gate is not None:
            await self._gate.meet()
        unhoused, self._unhoused = self._unhoused, {}
        for agent, resources in unhoused.items():
            shepherd.host_for(agent, resources)

    def _abandon(self) -> None:
        self._stop_moving()
        shepherd, self._shepherd = self._shepherd, None
        if shepherd is not None and len(self._keepers) == 1:
            shepherd.abandon()
        elif shepherd is not None:
            self._leaving = asyncio.get_running_loop().create_task(self._retire(shepherd, self._leaving))

    async def _retire(self, shepherd: Shepherd, before: asyncio.Task[None] | None) -> None:
        """End hosts whose work at a shard is gone, first for the boards that live: none shall count it as a crash."""
        shepherd.end_watch("a board is gone")
        ended = [list(shepherd.processes), "a board is gone"]
        living = [line for line in self._client.shards.lines if line.board is not None]
        calls = (line.call_once("retire", ended, timeout_s=RETIRE_S) for line in living)
        await asyncio.gather(*calls, return_exceptions=True)
        shepherd.abandon()
        if before is not None:
            await before

    async def _rehouse(self, shard: int) -> None:
        """Start hosts for the new board of a shard. Raises: whatever kept them from starting."""
        self._introduce(self._keepers[shard])
        if self._client.stopped is not None:
            await self._client.call("stop", list(self._client.stopped))
        if self._housed is None:
            self._keepers[shard].has_hosts()
        else:
            self._abandon()  # this may have waited for a board that died meanwhile, and come second for its successor
            if self._leaving is not None:
                await self._leaving
            moving = self._move_in(self._housed)
            await asyncio.wait([moving])
            error = None if moving.cancelled() else moving.result()
            if error is not None:
                raise error


async def _meet(first: tuple[str, Process], last: tuple[str, Process]) -> None:
    """Tell two boards of each other, until they know; one that is gone meets all others when it comes back."""
    for (_, one), (name, other) in ((first, last), (last, first)):
        while True:
            try:
                await one.attach(name, other)
                break
            except PeerUnavailable:
                await asyncio.sleep(MEET_S)
            except StigmergyError:
                return
