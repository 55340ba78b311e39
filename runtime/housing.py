"""Housing: the processes of one swarm, its board or boards, and its hosts.

The rule of this file: hosts belong to the boards that they joined, so they are there only while all of those are. What
is to be done next follows from what is wanted and what is there, and `_settle` does it:

    hosts are wanted    boards        what is done
    not yet, or no      any           nothing: no board lacks anything
    yes                 one is away   hosts that are there leave, first for the boards that live
    yes                 all there     hosts move in, when those before them have left

It begins anew whenever a board comes, and ends when one goes. So one set of hosts at a time moves in (two would have
the same names), and nothing that an ended host still does counts anywhere.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, Final

from stigmergy.actors.board.neighbours import shard_of
from stigmergy.actors.board.owners import LEAD
from stigmergy.actors.transport.link import PeerGone
from stigmergy.actors.transport.processes import LocalProcess
from stigmergy.actors.volatile.service import VolatileService
from stigmergy.protocols.errors import UsageError

from .blueprint import Blueprint, announce, open_gate
from .circle import Circle
from .client import Client
from .closing import in_turn, together
from .keeper import Household, Keeper
from .line import fail
from .meetings import Meetings
from .shepherd import Shepherd, Yard

RETIRE_S: Final = 3.0
"""How long a board may take to end its hosts, before these are killed anyway."""


class Wanted(Enum):
    """Whether there shall be hosts."""

    NOT_YET = "not yet"
    """Nobody has asked for any."""
    YES = "yes"
    NO = "no"
    """The swarm has stopped before anybody asked, or no board will come any more."""


class Housing:
    """Starts the processes of one swarm and keeps them alive. It hears of its boards, see `keeper.Boards`."""

    def __init__(self, blueprint: Blueprint, client: Client) -> None:
        self._plan = plan = blueprint
        self._client = client
        owners = client.shards.owners
        household = Household(plan.engine, client, self, plan.on_event, plan.clock, plan.draw)
        self._keepers = [Keeper(household, plan.board_of(shard, owners.shards), shard) for shard in owners.everybody]
        self._meetings = Meetings(self._keepers, plan.clock.steady)
        self._wanted = Wanted.NOT_YET
        self._answer: asyncio.Future[None] | None = None
        """For whoever asks for hosts: that there are some, or need be none, or why there will be none."""
        self._shepherd: Shepherd | None = None
        """Of the hosts that are there, or move in."""
        self._lives: dict[str, int] = {}
        """See `Yard.lives`: shepherds come and go with the boards, and no two hosts shall have one name."""
        self._gate: VolatileService | None = None
        """The driver's own host, when hosts have links to each other."""
        self._settling: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        """Ends the hosts of a board that is gone, after those of the one before."""
        self._unhoused: dict[str, dict[str, Any]] = {}
        """Agents that wanted hosts of their own while nobody could start them."""
        client.on_lost = lambda peer, reason: self._keepers[shard_of(peer)].lost(reason)
        client.on_end = self._end

    @property
    def started(self) -> bool:
        """Whether there are hosts, or somebody waits for them."""
        return self._wanted is Wanted.YES

    async def open(self) -> None:
        """Start the boards. Raises: UsageError, JournalError."""
        for keeper in self._keepers:
            await keeper.begin()

    async def start(self) -> None:
        """Start the hosts, once, unless nobody needs any. Raises: UsageError, InvalidCard."""
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
            self._wanted = Wanted.YES
            self._begin_anew()
        await asyncio.shield(self._answer)

    def spare(self) -> None:
        """The swarm has stopped: whoever waits for hosts need not wait, and none are started that nobody asked for."""
        if self._answer is None:
            self._answer = asyncio.get_running_loop().create_future()
            self._wanted = Wanted.NO
        if not self._answer.done():
            self._answer.set_result(None)

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
        known |= {keeper.name: keeper.process for keeper in self._keepers if keeper.is_open}
        said = await asyncio.gather(*(process.health() for process in known.values()), return_exceptions=True)
        return {name: health for name, health in zip(known, said, strict=True) if isinstance(health, dict)}

    async def close(self) -> None:
        """Stop the hosts, then the boards; whoever waits for hosts hears that there will be none."""
        self._pause()
        self._meetings.end()
        self._end("the swarm is closed")
        if self._leaving is not None:
            await asyncio.wait([self._leaving])
        ends = [one.close for one in (self._shepherd, self._gate) if one is not None]
        await in_turn(*ends, lambda: together(*(keeper.close() for keeper in self._keepers)))

    # -- what happens ------------------------------------------------------------------------

    def is_up(self, keeper: Keeper) -> None:
        """See `keeper.Boards`."""
        self._meetings.introduce(keeper)
        self._begin_anew(keeper)

    def is_down(self) -> None:
        """See `keeper.Boards`."""
        self._pause()
        shepherd, self._shepherd = self._shepherd, None
        if shepherd is not None and len(self._keepers) == 1:
            shepherd.abandon()
        elif shepherd is not None:
            self._leaving = asyncio.get_running_loop().create_task(self._retire(shepherd, self._leaving))

    def is_apart(self, keeper: Keeper, others: list[int]) -> None:
        """See `keeper.Boards`."""
        self._meetings.hear(keeper.shard, others)

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

    def _end(self, text: str) -> None:
        """There will be no hosts: whoever waits for them, or is going to, hears why."""
        self._wanted = Wanted.NO
        self._answer = self._answer or asyncio.get_running_loop().create_future()
        fail(self._answer, PeerGone(text))

    # -- what is done about it ---------------------------------------------------------------

    def _begin_anew(self, newcomer: Keeper | None = None) -> None:
        self._pause()
        self._settling = asyncio.get_running_loop().create_task(self._settle(newcomer))

    def _pause(self) -> None:
        if self._settling is not None:
            self._settling.cancel()

    async def _settle(self, newcomer: Keeper | None) -> None:
        """Do what the table above says; ``newcomer`` is whose board has come, and counts for its hosts."""
        try:
            if self._client.stopped is not None and self._keepers[LEAD].is_open:
                await self._client.call("stop", list(self._client.stopped))
            if self._wanted is Wanted.YES:
                if self._leaving is not None:
                    await asyncio.wait([self._leaving])
                if not all(keeper.is_open for keeper in self._keepers):
                    return
                await self._move_in()
        except PeerGone:
            return  # a board is, and there is another one to come, or `_end` has told of it
        except Exception as error:  # noqa: BLE001 - whoever waits for the hosts must hear of it
            if self._answer is not None and not self._answer.done():
                fail(self._answer, error)
            elif newcomer is not None:
                newcomer.has_no_hosts(error)
            return
        for keeper in self._keepers:
            keeper.has_hosts()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    async def _move_in(self) -> None:
        """Start the hosts of the boards of this moment."""
        client, plan = self._client, self._plan
        await announce(plan.roster, client)
        config = plan.every_host(len(self._keepers))
        if config.get("mesh"):
            self._gate = await open_gate(self._keepers[LEAD].process, config)
        boards = [keeper.process for keeper in self._keepers]
        yard = Yard(
            engine=plan.engine,
            boards={board.name: board for board in boards},
            call=client.call,
            call_once=client.call_once,
            config=config,
            on_event=plan.on_event,
            clock=plan.clock,
            draw=plan.draw,
            circle=Circle(self._gate),
            stopped=lambda: client.stopped is not None,
            lives=self._lives,
        )
        shepherd = self._shepherd = Shepherd(yard)
        await shepherd.begin(plan.hosts)
        if self._gate is not None:
            await self._gate.meet()
        unhoused, self._unhoused = self._unhoused, {}
        for agent, resources in unhoused.items():
            shepherd.host_for(agent, resources)

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
