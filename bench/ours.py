"""Our side: a swarm with its defaults, and how each shape of load is put on it.

Watchdogs and ledger are on. One limit of the loop watchdog is lifted, the 500 messages a second from one agent to
another within one conversation: to pass them is what is measured.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.agents import Answerer, Await, Counter, Follow, Follower, Order, Report, Sink, Where, Worker
from bench.durable import COUNTER, Latencies, Press, Probe, Prober, Runner
from bench.load import (
    ANSWERERS,
    FOLLOWERS,
    HOPS,
    POSTS_A_TURN,
    PROBE_S,
    TELLERS,
    TELLS_A_TURN,
    TOPIC,
    Load,
    Measure,
    Shape,
    Taken,
    slowest,
)
from stigmergy.runtime import Plant, Swarm
from stigmergy.runtime.engines import EngineName

LIMITS: Final = {"pair_messages": math.inf}
KINDS: Final = (Answerer, Counter, Follower, Press, Prober, Runner, Sink, Worker)
TIMEOUT_S: Final = 120.0
WORKER: Final = "worker/bench"

TROUBLE: Final = frozenset({"verdict", "dead_letter", "host_lost", "stopped"})
"""Events that must not happen: with them, something else was measured."""


class Fleet:
    """One swarm under load."""

    def __init__(self, swarm: Swarm, *, apart: bool) -> None:
        """``apart``: whether who asks and who answers must be in different processes."""
        self._swarm = swarm
        self._apart = apart
        self._first = 0
        self._targets: dict[str, list[str]] = {}
        self._following = False
        self._trouble: list[str] = []
        swarm.on_event(self._heard)
        self._shapes: dict[Shape, Callable[[Load], Awaitable[Taken]]] = {
            "ask": self._ask,
            "spawn": self._ask,
            "tell": self._tell,
            "fan_out": self._fan_out,
            "post": self._post,
            "press": self._relay,
            "turns": self._relay,
            "commit": self._commit,
        }

    async def measure(self, load: Load) -> Taken:
        """See `Measure`."""
        gc.collect()
        taken = await self._shapes[load.shape](load)
        if self._trouble:
            raise RuntimeError(f"the swarm reported {self._trouble[0]}")
        return taken

    async def _ask(self, load: Load) -> Taken:
        targets = await self._others("answerer", ANSWERERS) if load.shape == "ask" else []
        order = Order(shape=load.shape, count=load.operations, width=load.width, first=self._first, targets=targets)
        self._first += load.operations
        report = await self._swarm.ask(WORKER, order, reply=Report, timeout_s=TIMEOUT_S)
        return Taken(load.operations, report.seconds)

    async def _tell(self, load: Load) -> Taken:
        targets = await self._others("sink", 1)
        firsts = iter(range(0, load.operations, TELLS_A_TURN))

        async def one_after_another() -> None:
            for first in firsts:
                count = min(TELLS_A_TURN, load.operations - first)
                order = Order(shape="tell", count=count, first=first, targets=targets)
                await self._swarm.ask(WORKER, order, reply=Report, timeout_s=TIMEOUT_S)

        began = time.perf_counter()
        await asyncio.gather(*(one_after_another() for _ in range(TELLERS)))
        await self._expect(targets[0], load.operations)
        return Taken(load.operations, time.perf_counter() - began)

    async def _fan_out(self, load: Load) -> Taken:
        if not self._following:
            self._following = True
            wish = Follow(topic=TOPIC)
            await asyncio.gather(*(self._swarm.ask(f"follower/{n}", wish) for n in range(FOLLOWERS)))
        posts = -(-load.operations // FOLLOWERS)
        began = time.perf_counter()
        order = Order(shape="fan_out", count=posts)
        await self._swarm.ask(WORKER, order, reply=Report, timeout_s=TIMEOUT_S)
        await self._expect("counter/all", posts * FOLLOWERS)
        return Taken(posts * FOLLOWERS, time.perf_counter() - began)

    async def _post(self, load: Load) -> Taken:
        turns = -(-load.operations // POSTS_A_TURN)
        began = time.perf_counter()
        for turn in range(turns):
            order = Order(shape="post", count=POSTS_A_TURN, first=self._first + turn * POSTS_A_TURN)
            await self._swarm.ask(WORKER, order, reply=Report, timeout_s=TIMEOUT_S)
        seconds = time.perf_counter() - began
        self._first += turns * POSTS_A_TURN
        return Taken(turns * POSTS_A_TURN, seconds)

    async def _relay(self, load: Load) -> Taken:
        """Start everything at once, and wait for the last."""
        each = POSTS_A_TURN if load.shape == "press" else HOPS
        count = -(-load.operations // each)
        began = time.perf_counter()
        order = Order(shape=load.shape, count=count, first=self._first)
        self._first += count * each
        await self._swarm.ask(WORKER, order, reply=Report, timeout_s=TIMEOUT_S)
        await self._expect(COUNTER, count * each)
        return Taken(count * each, time.perf_counter() - began)

    async def _commit(self, load: Load) -> Taken:
        """The 99th percentile of commits while turns are made."""
        probe = self._swarm.ask("prober/bench", Probe(seconds=PROBE_S), reply=Latencies, timeout_s=TIMEOUT_S)
        probing = asyncio.ensure_future(probe)
        while not probing.done():
            await self._relay(load._replace(shape="turns"))
        return slowest([ms / 1_000 for ms in (await probing).ms])

    async def _expect(self, agent: str, count: int) -> None:
        """Wait until an agent has had so many notes."""
        total = await self._swarm.ask(agent, Await(count=count), reply=Report, timeout_s=TIMEOUT_S)
        if total.count != count:
            raise RuntimeError(f"{agent} got {total.count:,} notes of {count:,}")

    async def _others(self, kind: str, count: int) -> list[str]:
        """So many agents of a kind; if need be, such as live in another process than the worker."""
        found = self._targets.setdefault(kind, [])
        home, number = await self._process(WORKER), 0
        while len(found) < count:
            agent, number = f"{kind}/{number}", number + 1
            if not self._apart or await self._process(agent) != home:
                found.append(agent)
        return found

    async def _process(self, agent: str) -> int:
        return (await self._swarm.ask(agent, Where(), reply=Report)).process

    def _heard(self, event: str, data: dict[str, Any]) -> None:
        if event in TROUBLE:
            self._trouble.append(f"{event}: {data}")


@asynccontextmanager
async def fleet(
    engine: EngineName, journal: Path | str | None, hosts: int = 0, *, durable: bool = True
) -> AsyncIterator[Measure]:
    """A swarm on one host of the local engine, or on two of Ray, or on so many ``hosts``.

    ``journal`` is where a folder for the run is made, which goes with it; or the URL of a server; None keeps everything
    in memory, and without ``durable`` in the memory of hosts only.
    """
    plant = Plant(engine=engine, hosts=hosts or (1 if engine == "local" else 2), limits=LIMITS)
    with ExitStack() as stack:
        home = stack.enter_context(TemporaryDirectory(dir=journal)) if isinstance(journal, Path) else journal
        async with Swarm(plant=plant, journal=home, durable=durable) as swarm:
            for kind in KINDS:
                swarm.add(kind)
            yield Fleet(swarm, apart=engine == "ray").measure
        if isinstance(journal, str) and swarm.folder is not None:
            swarm.folder.remove()  # it is in runs/, whoever called
