"""The shepherd: starts hosts, listens for their heartbeats, and replaces those that fall silent.

The decisions are the supervisor's (`stigmergy.actors.supervisor`, sans-I/O); this file carries them out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple

from stigmergy.actors.clock import Clock
from stigmergy.actors.supervisor import Supervisor
from stigmergy.actors.transport.link import PeerGone, PeerUnavailable
from stigmergy.actors.transport.processes import Process
from stigmergy.protocols.errors import StigmergyError, UsageError
from stigmergy.protocols.ids import derive_id
from stigmergy.protocols.supervision import ChildSpec, Decision, Exit, GiveUp, Kill, Start, Stop, Strategy, Supervision

from .circle import Circle
from .closing import together
from .engines import Engine
from .standstill import Standstill, why

LOOK_S: Final = 1.0
"""How often a host is asked for a sign of life."""

TELL_S: Final = 1.0
"""How long a host that is to be ended lives on for the sake of the board, which is to hear why."""


class Plan(NamedTuple):
    """How one host is made."""

    kinds: tuple[str, ...]
    """What it runs; empty for every kind that shares hosts, one agent for a host of its own."""
    resources: dict[str, Any]


class Yard(NamedTuple):
    """What the shepherd works with."""

    engine: Engine
    boards: Mapping[str, Process]
    """By the name under which hosts know it: the board, or that of each shard."""
    call: Callable[..., Awaitable[Any]]
    """Requests to the boards, or to their successors."""
    call_once: Callable[..., Awaitable[Any]]
    """Requests to these boards alone."""
    config: dict[str, Any]
    """What every host is opened with, besides its name; ``host`` is what opens it, as ``module:function``."""
    on_event: Callable[[str, dict[str, Any]], None]
    clock: Clock
    draw: Callable[[], float]
    """Random numbers in [0, 1), for the waits between restarts."""
    circle: Circle
    """Who is made known to each other."""
    stopped: Callable[[], bool]
    """Whether the swarm has stopped: then a host that is lost stays lost, since nothing new begins."""
    lives: dict[str, int]
    """The newest epoch of each host that was begun: the board knows none that never joined, and one may linger."""


class Shepherd:
    """Keeps the hosts of one swarm alive."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._supervisor = Supervisor(Supervision(), yard.draw)
        self._plans: dict[str, Plan] = {}
        self._up: dict[str, Process] = {}
        """Processes by ``name.epoch``."""
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._first: dict[str, asyncio.Future[None]] = {}
        self._standstill = Standstill()

    async def begin(self, hosts: int) -> None:
        """Start the shared hosts and wait until they work. Raises: UsageError when one does not come up."""
        known = await self._yard.call("epochs")
        epochs = {name: max(known.get(name, 0), self._yard.lives.get(name, 0)) for name in known | self._yard.lives}
        together = self._yard.config.get("clock") == "lockstep"
        spec = Supervision(strategy=Strategy.ALL_AT_ONCE) if together else Supervision()
        self._supervisor = Supervisor(spec, self._yard.draw, epochs)
        for number in range(1, hosts + 1):
            self._carry_out(self._plan(f"host-{number}", Plan((), {}), self._now()))
        self._spawn(self._watch())
        await asyncio.gather(*self._first.values())

    async def grow(self, hosts: int) -> list[str]:
        """Start so many shared hosts more, and wait until they work. Returns their names. Raises: UsageError."""
        shared = sum(not plan.kinds for plan in self._plans.values())
        names = [f"host-{number}" for number in range(shared + 1, shared + hosts + 1)]
        for name in names:
            self._carry_out(self._plan(name, Plan((), {}), self._now()))
        await asyncio.gather(*(self._first[name] for name in names))
        return names

    def host_for(self, agent: str, resources: dict[str, Any]) -> None:
        """Start a host for one agent alone."""
        name = own_host(agent)
        if name not in self._plans:
            self._carry_out(self._plan(name, Plan((agent,), resources), self._now()))

    def lost(self, peer: str, reason: str) -> None:
        """The board has given a host up. One that has died is noticed by `_listen`; one that lives is ended here."""
        if (process := self._up.get(peer)) is not None:
            self._spawn(self._end_if_alive(peer, process, reason))

    async def _end_if_alive(self, peer: str, process: Process, reason: str) -> None:
        try:
            await process.health()
        except PeerGone:
            return
        except PeerUnavailable:
            pass  # nobody knows; its successor waits until its lease must have ended
        name, _, epoch = peer.rpartition(".")
        if peer in self._up:
            self._end(name, int(epoch), reason)
            self._carry_out(self._supervisor.exited(name, int(epoch), Exit.LOST, self._now()))

    async def close(self) -> None:
        """Stop all hosts in good order."""
        self.end_watch("the swarm is closed")
        ends, self._up = [_quietly(process.close()) for process in self._up.values()], {}
        await together(*ends)

    def abandon(self) -> None:
        """End all hosts at once: their board is gone, and so is their work."""
        self.end_watch("the board is gone")
        for process in self._up.values():
            process.kill()
        self._up.clear()

    @property
    def watching(self) -> bool:
        """Whether hosts can be added: once `begin` knows which epochs there were."""
        return bool(self._plans)

    @property
    def processes(self) -> dict[str, Process]:
        """The hosts that are up or coming up, by ``name.epoch``."""
        return dict(self._up)

    def end_watch(self, reason: str) -> None:
        """Start and replace no hosts any more; those that are up go on."""
        _ = self._supervisor.stop(self._now())
        for first in self._first.values():
            if not first.done():
                first.set_exception(PeerGone(reason))
                first.exception()
        for task in list(self._tasks):
            task.cancel()

    def _plan(self, name: str, plan: Plan, now: float) -> list[Decision]:
        self._plans[name] = plan
        self._first[name] = asyncio.get_running_loop().create_future()
        return self._supervisor.add(ChildSpec(name), now)

    def _carry_out(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            if isinstance(decision, Start):
                self._spawn(self._start(decision))
            elif isinstance(decision, Stop):
                self._spawn(self._stop(decision))
            elif isinstance(decision, Kill):
                silent = self._standstill.why(f"{decision.child}.{decision.epoch}")
                self._end(decision.child, decision.epoch, f"ended by the runtime, because {silent}")
            elif isinstance(decision, GiveUp):
                self._spawn(self._give_up(decision))

    async def _start(self, start: Start) -> None:
        await asyncio.sleep(start.after_s)
        was_up = self._first[start.child].done()
        if not self._supervisor.wanted(start.child, start.epoch) or (was_up and self._yard.stopped()):
            return
        yard, plan, peer = self._yard, self._plans[start.child], f"{start.child}.{start.epoch}"
        yard.lives[start.child] = start.epoch
        process = self._up[peer] = yard.engine.process(peer, plan.resources)
        try:
            await process.open(yard.config["host"], {**yard.config, "name": peer})
            for name, board in yard.boards.items():
                await board.attach(peer, process)
                await process.attach(name, board)
            await yard.circle.introduce(peer, process)
            await yard.call_once("join", [start.child, list(plan.kinds), start.epoch, yard.circle.meshed])
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for the host must hear of it
            self._failed_to_start(start, error)
            return
        self._carry_out(self._supervisor.started(start.child, start.epoch, self._now()))
        yard.on_event("host_started", {"host": peer})
        first = self._first[start.child]
        if not first.done():
            first.set_result(None)
        await self._listen(start.child, start.epoch, process)

    def _failed_to_start(self, start: Start, error: Exception) -> None:
        self._end(start.child, start.epoch, str(error))
        first = self._first[start.child]
        self._yard.on_event("host_failed", {"host": start.child, "reason": str(error)})
        if isinstance(error, UsageError) and not first.done():
            first.set_exception(error)
            first.exception()
        self._carry_out(self._supervisor.exited(start.child, start.epoch, Exit.CRASHED, self._now()))

    async def _listen(self, child: str, epoch: int, process: Process) -> None:
        """Ask for signs of life until the host is gone or replaced."""
        peer = f"{child}.{epoch}"
        while peer in self._up:
            try:
                health = await process.health()
            except PeerUnavailable:
                health = None
            except PeerGone as gone:
                if self._up.pop(peer, None) is not None:
                    process.kill()
                    await self._tell_lost(peer, str(gone))
                    self._carry_out(self._supervisor.exited(child, epoch, Exit.CRASHED, self._now()))
                return
            if health is not None and health.get("lost"):
                self._end(child, epoch, health["lost"])
                self._carry_out(self._supervisor.exited(child, epoch, Exit.CRASHED, self._now()))
                return
            if health is not None and not self._stands_still(peer, health):
                self._carry_out(self._supervisor.heartbeat(child, epoch, self._now()))
            await asyncio.sleep(LOOK_S)

    def _stands_still(self, peer: str, health: dict[str, Any]) -> bool:
        """Whether its loop has stopped turning. Who listens hears where, and the board, whose lease may end first."""
        still, at = self._standstill.see(peer, health)
        if at:
            self._yard.on_event("host_stalled", {"host": peer, "at": at, "seconds": health["stalled_s"]})
        if at is not None:
            self._spawn(_quietly(self._yard.call("stalled", [peer, at and why(at)])))
        return still

    async def _stop(self, stop: Stop) -> None:
        if (process := self._up.pop(f"{stop.child}.{stop.epoch}", None)) is not None:
            await _quietly(process.close())
            await self._tell_lost(f"{stop.child}.{stop.epoch}", "it begins again, together with others")
        self._carry_out(self._supervisor.exited(stop.child, stop.epoch, Exit.NORMAL, self._now()))

    def _end(self, child: str, epoch: int, reason: str) -> None:
        """End a host. The board hears why before it sees its link to it break, if it listens at all."""
        peer = f"{child}.{epoch}"
        if (process := self._up.pop(peer, None)) is not None:
            told = self._spawned(self._tell_lost(peer, reason))
            telling = self._spawned(asyncio.wait([told], timeout=TELL_S))
            telling.add_done_callback(lambda _: process.kill())  # also if it is cancelled before it begins

    async def _tell_lost(self, peer: str, reason: str) -> None:
        await _quietly(self._yard.call("lost", [peer, reason]))

    async def _give_up(self, decision: GiveUp) -> None:
        text = f"host {decision.child} was given up: {decision.reason}" if decision.child else decision.reason
        for first in self._first.values():
            if not first.done():
                first.set_exception(UsageError(f"no host came up: {text}"))
                first.exception()
        if not decision.child:
            await _quietly(self._yard.call("stop", ["failure", text]))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._carry_out(self._supervisor.tick(self._now()))

    def _now(self) -> float:
        return self._yard.clock.steady()

    def _spawn(self, work: Any) -> None:
        _ = self._spawned(work)

    def _spawned(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        return task


def own_host(agent: str) -> str:
    """The name of an agent's own host: like its own, and unlike that of any other's."""
    return f"own-{agent.replace('/', '-')[:40]}-{derive_id(agent)[:12]}"


async def _quietly(work: Awaitable[Any]) -> None:
    """Wait for something whose failure changes nothing: the process is gone either way."""
    try:
        await work
    except StigmergyError:
        return
