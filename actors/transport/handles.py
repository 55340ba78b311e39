"""Processes on Ray: a service in an actor. The only file that makes actors, and ends them.

Ray starts a process, ends it, and says whether it lives. What links carry goes past it while there is a way: see
`sockets`.

Rules (each from a measurement of Ray 2.60): actors are async and never ordered; their constructors
do nothing; nothing is retried by Ray; every wait has an end; health is answered by a thread of its
own (concurrency group ``ctl``), so a blocked service still answers.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal

from stigmergy.protocols.codec import pack, unpack

from .calls import RayHandle, home, insist, reach
from .doors import NO_DOOR, NOWHERE, door_of
from .forks import Numbered, connections_to, keep_from_children
from .garbage import look_less_often
from .link import PeerGone, PeerUnavailable
from .processes import Holder, Process
from .services import Driver, build
from .slot import Slot
from .sockets import CALL_TIMEOUT_S, Direct, Listener

CLOSE_TIMEOUT_S: Final = 45.0  # a host may let tools end for 30 s, and agents say goodbye for 10 s
OPEN_TIMEOUT_S: Final = 60.0
"""How long a process may take to open its service without doing anything; a long journal is read in its own time."""

BUSY_S: Final = 1.0
"""CPU seconds within that time that count as doing something."""

LONGEST_S: Final = 24 * 3_600.0
"""The longest that anything may take to open."""

POLL_S: Final = 20.0
"""How long a poll of a driver waits for news before it returns empty-handed."""

RETRY_POLL_S: Final = 0.2

Sockets = Literal["none", "near", "far"]
"""Between whom calls go over sockets: nobody, those on one node, or all nodes of a cluster as well."""


class _Shell(Holder):
    """The Ray actor: one service, reached by bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._slots: dict[str, Slot] = {}
        self._attached: set[str] = set()
        """A name belongs to one life of one process, so attaching it again is a repeat; so is opening again."""
        self._needed = asyncio.Event()
        self._home = NOWHERE
        self._listener: Listener | None = None
        self._raylet: list[Numbered] = []
        """How Ray sees that this process has ended: its connection does."""

    async def wait(self, modules: list[str]) -> None:
        for module in modules:
            importlib.import_module(module)
        await self._needed.wait()

    async def open(self, factory: str, config: bytes, far: bool) -> bytes:  # noqa: FBT001 - Ray's calls have no names
        self._needed.set()
        if self._listener is None:
            self._raylet = connections_to("raylet")
            for connection in self._raylet:
                keep_from_children(connection)
            self.held = build(factory, {**unpack(config), "apart": True})
            look_less_often()
            self._home = home(far=far)
            self._listener = Listener(partial(_received, self), self._home)
            await self._listener.open()
        return pack(self._listener.door)

    async def receive(self, data: bytes) -> bytes:
        return await _received(self, data)

    async def attach(self, peer: str, actor: Any, door: bytes) -> None:
        if self.held is not None and peer not in self._attached:
            self._attached.add(peer)
            self.held.attach(peer, Direct(peer, RayHandle(peer, actor), door_of(door), self._home))

    async def attach_slot(self, peer: str, door: bytes) -> None:
        if self.held is not None and peer not in self._slots:
            self._slots[peer] = Slot()
            self.held.attach(peer, Direct(peer, self._slots[peer], door_of(door), self._home))

    async def poll(self, peer: str) -> list[bytes]:
        slot = self._slots.get(peer)
        return [] if slot is None else await slot.collect(POLL_S)

    def health(self) -> bytes:
        return pack(
            {
                "pid": os.getpid(),
                "cpu_s": time.process_time(),
                **({} if self.held is None else self.held.health()),
            }
        )


async def _received(holder: Holder, data: bytes) -> bytes:
    """Not a method: Ray wraps those of an actor, and each call through one costs 20 us more."""
    return b"" if holder.held is None else await holder.held.receive(data)


def actor_on(node: str) -> Any:
    """A new actor on a node, given by its id, that asks for nothing."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return _actor(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))


def actor_with(resources: dict[str, Any]) -> Any:
    """A new actor where Ray finds what it asks for: ``cpus``, ``gpus``, ``runtime_env``, as Ray means them."""
    environment = {"runtime_env": resources["runtime_env"]} if resources.get("runtime_env") else {}
    return _actor(num_cpus=resources.get("cpus", 0), num_gpus=resources.get("gpus", 0), **environment)


def _actor(**options: Any) -> Any:
    import ray

    ours = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0, "concurrency_groups": {"ctl": 1}}
    return ray.remote(**{**ours, "scheduling_strategy": "SPREAD", **options})(_Shell).remote()


class Spare:
    """An actor that imports what it will need, and waits until it is needed."""

    def __init__(self, actor: Any, modules: list[str]) -> None:
        """``actor`` is nobody else's; see `actor_on`."""
        self.actor = actor
        self._waiting = actor.wait.remote(modules)

    @property
    def lives(self) -> bool:
        """Whether it still waits: it has neither died nor failed, as far as Ray knows."""
        import ray

        return not ray.wait([self._waiting], timeout=0)[0]


class RayProcess:
    """A service in a Ray actor of its own."""

    def __init__(self, name: str, actor: Any, *, sockets: Sockets = "near") -> None:
        """``actor`` is nobody else's; see `actor_on` and `actor_with`."""
        self.name = name
        self.actor = actor
        self.door = NO_DOOR
        """Where it can be called, once it is open."""
        self._sockets = sockets
        self._way = Direct(name, RayHandle(name, actor), None, NOWHERE)
        self._listeners: list[Listener] = []
        self._pollers: list[asyncio.Task[None]] = []

    def receive(self, data: bytes) -> Coroutine[Any, Any, bytes]:
        """See `Handle.receive`."""
        return self._way.receive(data)

    async def open(self, factory: str, config: dict[str, Any]) -> None:
        """See `Process.open`."""
        packed, far = pack(config), self._sockets == "far"
        opening = asyncio.ensure_future(
            insist(self.name, lambda: self.actor.open.remote(factory, packed, far), LONGEST_S)
        )
        busy_s = 0.0
        try:
            while not (await asyncio.wait({opening}, timeout=OPEN_TIMEOUT_S))[0]:
                before_s, busy_s = busy_s, (await self.health())["cpu_s"]
                if busy_s - before_s < BUSY_S:
                    raise PeerUnavailable(f"{self.name} has done nothing for {OPEN_TIMEOUT_S:g} s, and is not open")
            door = await opening
        finally:
            opening.cancel()
        if self._sockets != "none":
            self.door = door
            self._way = Direct(self.name, RayHandle(self.name, self.actor), door_of(door), home(far=far))

    async def attach(self, peer: str, process: Process) -> None:
        """See `Process.attach`."""
        actor, door = getattr(process, "actor", None), getattr(process, "door", NO_DOOR)
        await insist(self.name, lambda: self.actor.attach.remote(peer, actor, door), CALL_TIMEOUT_S)

    async def attach_driver(self, peer: str, driver: Driver) -> None:
        """See `Process.attach_driver`: a driver is no actor, so it polls, and has a door.

        Callers wait there until the end of this, when it will know who they are: it has no word for "not yet".
        """
        listener, door = None, NO_DOOR
        if self._sockets != "none":
            listener = Listener(partial(self._said, driver), home(far=self._sockets == "far"))
            self._listeners.append(listener)
            door = pack(listener.door)
        await insist(self.name, lambda: self.actor.attach_slot.remote(peer, door), CALL_TIMEOUT_S)
        if listener is not None:
            await listener.open()
        self._pollers.append(asyncio.get_running_loop().create_task(self._poll(peer, driver)))

    async def health(self, timeout_s: float = 3.0) -> dict[str, Any]:
        """See `Process.health`."""
        figures: dict[str, Any] = unpack(
            await reach(self.name, self.actor.health.options(concurrency_group="ctl").remote(), timeout_s)
        )
        return figures

    async def close(self) -> None:
        """See `Process.close`."""
        self._hang_up()
        try:
            with suppress(PeerGone, PeerUnavailable):
                await reach(self.name, self.actor.close.remote(), CLOSE_TIMEOUT_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """See `Process.kill`. Where Ray has ended so has this; and Ray, asked to end it, would begin again."""
        import ray

        self._hang_up()
        if ray.is_initialized():
            ray.kill(self.actor)

    def _hang_up(self) -> None:
        """Hear no more: what this process still says must not reach the link to its successor."""
        self._way.close()
        for listener in self._listeners:
            listener.close()
        for poller in self._pollers:
            poller.cancel()

    async def _poll(self, peer: str, driver: Driver) -> None:
        while True:
            try:
                for data in await reach(self.name, self.actor.poll.remote(peer), POLL_S + CALL_TIMEOUT_S):
                    driver.deliver(data)
            except PeerUnavailable:
                await asyncio.sleep(RETRY_POLL_S)
            except PeerGone as gone:
                driver.lost(self.name, str(gone))
                return
            except Exception as error:  # noqa: BLE001 - nobody would poll any more, and the driver wait for nothing
                driver.lost(self.name, _not_understood(error))
                return

    async def _said(self, driver: Driver, data: bytes) -> bytes:
        """What a process says over a socket, and not to a poll, comes to the same."""
        try:
            return await driver.receive(data)
        except Exception as error:
            driver.lost(self.name, _not_understood(error))
            raise


def _not_understood(error: Exception) -> str:
    return f"what it said was not understood: {type(error).__name__}: {error}"
