"""Swarms whose messages stay at home or go abroad, in a share that is set: what a model of many hosts is made from.

Tokens walk from agent to agent; each step is one message, and every so many-th of them goes to another host.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from bench.agents import ROOMY, Await, Counter, Report
from bench.durable import COUNTER
from bench.load import Load
from bench.ours import KINDS, Fleet
from stigmergy.actors.registry.placement import Seat, place
from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles

WALKERS: Final = 32
"""Agents on each host."""

TOKENS: Final = 2_048
"""Tokens that walk at once, for each host: more than a stretch, so hosts are as busy as the model takes them to be."""

TEXT: Final = "x" * 186
"""200 bytes with the rest, as in the other rows."""

_TICK_S: Final = 1.0 / os.sysconf("SC_CLK_TCK")


class Routes(Message):
    """Where an agent sends its tokens."""

    near: list[str]
    far: list[str]
    every: int
    """One of so many goes far; 0 for none."""


class Token(Message):
    text: str
    left: int
    """Steps that it still makes."""


class Begin(Message):
    tokens: int
    steps: int


class Walker(Agent):
    """Passes tokens on."""

    mailbox = ROOMY
    near: tuple[str, ...] = ()
    far: tuple[str, ...] = ()
    every = 0
    count = 0

    @handles
    def learn(self, routes: Routes) -> None:
        self.near, self.far, self.every = tuple(routes.near), tuple(routes.far), routes.every
        self.count = sum(map(ord, self.me.key))  # not all go abroad at the same moment

    @handles
    def begin(self, begin: Begin, ctx: Context) -> None:
        for _ in range(begin.tokens):
            ctx.tell(str(self.me), Token(text=TEXT, left=begin.steps))

    @handles
    def step(self, token: Token, ctx: Context) -> None:
        if not token.left:
            ctx.tell(COUNTER, Report(count=1))
            return
        self.count += 1
        goes = self.far if self.every and not self.count % self.every else self.near
        ctx.tell(goes[self.count % len(goes)], Token(text=token.text, left=token.left - 1))


class Walked(NamedTuple):
    """What a walk did."""

    messages: int
    seconds: float
    cpu_s: float
    """Of all hosts."""

    @property
    def rate(self) -> float:
        """Messages a second, all hosts together."""
        return self.messages / self.seconds


class Town:
    """A volatile swarm on Ray with walkers on each host."""

    def __init__(self, swarm: Swarm, hosts: int) -> None:
        self._swarm = swarm
        self._hosts = hosts
        self._by_host: list[list[str]] = [[] for _ in range(hosts)]
        for number in range(200 * hosts):
            names = self._by_host[_home(f"walker/{number}", hosts)]
            if len(names) < WALKERS:
                names.append(f"walker/{number}")

    async def walk(self, every: int, steps: int) -> Walked:
        """Let all tokens walk; one of ``every`` messages goes to another host."""
        for home, names in enumerate(self._by_host):
            far = [name for other, theirs in enumerate(self._by_host) if other != home for name in theirs]
            for name in names:
                await self._swarm.ask(name, Routes(near=names, far=far or names, every=every))
        pids = [health["pid"] for name, health in (await self._swarm.processes()).items() if name.startswith("host-")]
        before, began = _cpu_s(pids), time.perf_counter()
        for names in self._by_host:
            for name in names:
                await self._swarm.tell(name, Begin(tokens=TOKENS // WALKERS, steps=steps))
        tokens = TOKENS // WALKERS * WALKERS * self._hosts
        await self._swarm.ask(COUNTER, Await(count=tokens), reply=Report, timeout_s=600)
        return Walked(tokens * (steps + 1), time.perf_counter() - began, _cpu_s(pids) - before)


@asynccontextmanager
async def town(hosts: int) -> AsyncIterator[Town]:
    """So many hosts on Ray, without a journal."""
    plant = Plant(engine="ray", hosts=hosts, limits=asdict(LoopLimits.simulation()))  # tokens walk for ever
    async with Swarm(durable=False, plant=plant) as swarm:
        for kind in (Walker, Counter):
            swarm.add(kind)
        await swarm.start()
        yield Town(swarm, hosts)


class Relayed(NamedTuple):
    """What durable turns cost, in CPU seconds each."""

    host: float
    board: float
    """Of all boards together."""


async def relay(shards: int, turns: int) -> Relayed:
    """Make durable turns on one host of Ray, with a board for each shard."""
    plant = Plant(engine="ray", hosts=1, shards=shards, limits={"pair_messages": math.inf})
    with TemporaryDirectory(dir=Path.cwd()) as home:
        async with Swarm(plant=plant, journal=Path(home)) as swarm:
            for kind in KINDS:
                swarm.add(kind)
            fleet = Fleet(swarm, apart=True)
            await fleet.measure(Load("turns", turns // 4))
            pids = {name: health["pid"] for name, health in (await swarm.processes()).items()}
            before = {name: _cpu_s([pid]) for name, pid in pids.items()}
            taken = await fleet.measure(Load("turns", turns))
            spent = {name: (_cpu_s([pid]) - before[name]) / taken.operations for name, pid in pids.items()}
    return Relayed(
        host=sum(cpu for name, cpu in spent.items() if name.startswith("host-")),
        board=sum(cpu for name, cpu in spent.items() if name.startswith("board")),
    )


def _home(agent: str, hosts: int) -> int:
    seats = [Seat(f"host-{number}") for number in range(1, hosts + 1)]
    return int((place(agent, seats) or "-0").rpartition("-")[2]) - 1


def _cpu_s(pids: list[int]) -> float:
    """CPU seconds of some processes so far, all threads."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total * _TICK_S
