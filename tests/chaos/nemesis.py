"""The nemesis: carries out the faults of one round on real processes, and notes each."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from contextlib import suppress
from typing import Any, Final

from stigmergy.runtime import Swarm

from .engine import ChaosEngine
from .history import History
from .plan import MOST_KILLS, Fault, Round

LOST_S: Final = 20.0
"""A host that hangs must be given up by then; 10 s by design."""

AWAKE_S: Final = 2.0
"""How long a host that was given up is awake again before it is ended."""


class Nemesis:
    """What goes wrong in one round."""

    def __init__(self, swarm: Swarm, engine: ChaosEngine, history: History) -> None:
        self._swarm = swarm
        self._engine = engine
        self._history = history
        self._pids: dict[str, int] = {}
        self._lost: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._frozen: set[int] = set()
        self._ended: Counter[str] = Counter()
        """How often each host, or the board, had to be started anew because of us."""

    def hear(self, event: str, data: dict[str, Any]) -> None:
        """An event of the swarm."""
        self._history.write("event", name=event, data=data)
        if event == "host_lost":
            self._pids.pop(data["host"], None)
            self._lost.setdefault(data["host"], asyncio.Event()).set()
        elif event == "board_lost":
            self._pids.clear()
        elif event in {"host_started", "board_started"}:
            self._spawn(self._look())

    async def run(self, plan: Round, until: asyncio.Event) -> None:
        """Carry out the faults, one after another; those left over when ``until`` is set are left out."""
        await self._look()
        for fault in plan.faults:
            with suppress(TimeoutError):
                await asyncio.wait_for(until.wait(), fault.after_s)
            if until.is_set():
                return
            await self._carry_out(fault)

    async def finish(self) -> None:
        """Wait for what still goes on, and leave nothing frozen."""
        await asyncio.gather(*self._tasks)
        for pid in self._frozen:
            _signal(pid, signal.SIGKILL)

    async def _carry_out(self, fault: Fault) -> None:
        wants, _, act = fault.kind.partition(".")
        name = await self._choose(wants, fault.pick)
        if name is None:
            return
        pid = self._pids[name]
        self._history.write("fault", fault=fault.kind, target=name, pid=pid)
        if act != "pause":
            self._ended[_place(name)] += 1
        if act == "kill":
            self._pids.pop(name)
            _signal(pid, signal.SIGKILL)
        elif act == "pause":
            _signal(pid, signal.SIGSTOP)
            await asyncio.sleep(fault.lasts_s)
            _signal(pid, signal.SIGCONT)
        else:
            self._pids.pop(name)
            self._frozen.add(pid)
            self._engine.held.add(name)
            _signal(pid, signal.SIGSTOP)
            self._spawn(self._wake(name, pid))

    async def _choose(self, wanted: str, pick: int) -> str | None:
        """A process that is up, waited for up to 10 s; none that a supervisor would give up if it ended once more."""
        for _ in range(100):
            up = sorted(name for name in self._pids if name.startswith(wanted))
            names = [name for name in up if self._ended[_place(name)] < MOST_KILLS]
            if names:
                return names[pick % len(names)]
            await asyncio.sleep(0.1)
            await self._look()
        return None

    async def _wake(self, name: str, pid: int) -> None:
        """Let a host that hangs go on while others do again what it had: it must not commit any of that."""
        lost = self._lost.setdefault(name, asyncio.Event())
        with suppress(TimeoutError):
            await asyncio.wait_for(lost.wait(), LOST_S)
        self._history.write("woken", target=name, pid=pid, fenced=lost.is_set())
        _signal(pid, signal.SIGCONT)
        await asyncio.sleep(AWAKE_S)
        self._frozen.discard(pid)
        _signal(pid, signal.SIGKILL)

    async def _look(self) -> None:
        for name, health in (await self._swarm.processes()).items():
            if health["pid"] not in self._frozen and self._pids.get(name) != health["pid"]:
                self._pids[name] = health["pid"]
                self._history.write("pid", name=name, pid=health["pid"])

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _place(name: str) -> str:
    """What a process is, whichever life of it this is."""
    return name.partition(".")[0]


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
