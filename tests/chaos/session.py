"""One Ray, many rounds: ``python -m tests.chaos.session '<json>'``. Its parent judges them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import stigmergy.runtime.swarm as swarm_module
from examples.support_desk.app import DATA, DeskOptions, app
from stigmergy.actors.transport.cluster import Cluster
from stigmergy.protocols import Budget
from stigmergy.runtime import Plant, Stage, Swarm

from .engine import ChaosEngine
from .history import History
from .nemesis import Nemesis
from .plan import Round, plan
from .workloads import COLONY_SEED, quiet, workload

ROUND_S: Final = 150.0
"""A round that takes longer has failed."""

BUDGET: Final = Budget(usd=20, messages=2_000_000)

ENGINE: ContextVar[ChaosEngine] = ContextVar("engine")
"""The engine of this lane's round: a swarm makes its own by name, and two lanes run at once."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the parent asks for."""

    folder: str
    seed: int
    session: int
    lanes: int
    seconds: float
    workloads: tuple[str, ...]
    rounds: int = 1_000_000
    """At most so many in each lane."""
    shards: int = 1
    """Boards of each swarm."""

    def to_text(self) -> str:
        """As one argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Orders:
        """The inverse of `to_text`."""
        plain = json.loads(text)
        return cls(**{**plain, "workloads": tuple(plain["workloads"])})


async def lane(orders: Orders, number: int, until: float) -> None:
    """Rounds, one after another, until it is late."""
    done = 0
    while time.monotonic() < until and done < orders.rounds:
        planned = plan(orders.seed, orders.session, number, done, orders.workloads)
        folder = Path(orders.folder) / planned.name
        folder.mkdir(parents=True)
        history = History(folder / "history.jsonl")
        history.write("plan", **asdict(planned), shards=orders.shards)
        try:
            await asyncio.wait_for(play(planned, folder, history, orders.shards), ROUND_S)
        except Exception as error:  # noqa: BLE001 - the parent counts it as a violation
            history.write("crashed", error=repr(error))
        else:
            history.write("closed")
        history.close()
        done += 1


async def play(planned: Round, folder: Path, history: History, shards: int) -> None:
    """One round."""
    engine, plant = ChaosEngine(history), Plant(hosts=2, shards=shards)
    ENGINE.set(engine)
    if planned.workload == "desk":
        await _play_desk(planned, folder, plant, engine)
        return
    work = workload(planned.workload, planned.seed)
    seed = COLONY_SEED if planned.workload == "colony" else planned.seed
    swarm = Swarm(
        budget=BUDGET,
        journal=folder,
        seed=seed,
        plant=plant,
    )
    async with swarm:
        nemesis = Nemesis(swarm, engine, history)
        swarm.on_event(nemesis.hear)
        work.staff(swarm)
        await swarm.start()
        faults_over = asyncio.Event()
        driving = asyncio.create_task(work.drive(swarm, history, faults_over))
        try:
            await nemesis.run(planned, faults_over)
        finally:
            faults_over.set()
        await driving
        await nemesis.finish()
        await quiet(swarm, history)
        await work.audit(swarm, history)
        if swarm.stopped is not None:
            history.write("stopped", reason=swarm.stopped)


async def _play_desk(planned: Round, folder: Path, plant: Plant, engine: ChaosEngine) -> None:
    """The support desk as it is, with the official SDK against the server on loopback."""
    history = engine.history
    over = asyncio.Event()
    nemeses: list[Nemesis] = []
    running: list[asyncio.Task[None]] = []

    def begun(swarm: Swarm, _seed: int) -> None:
        nemeses.append(Nemesis(swarm, engine, history))

    def hear(name: str, data: dict[str, Any]) -> None:
        nemeses[0].hear(name, data)
        if name == "host_started" and not running:
            running.append(asyncio.get_running_loop().create_task(nemeses[0].run(planned, over)))

    stage = Stage(
        budget=BUDGET,
        journal=str(folder),
        plant=plant,
        seed=planned.seed,
        on_event=hear,
        on_swarm=begun,
    )
    options = DeskOptions.model_validate(
        {"brain": "claude", "input": tickets(folder), "model_timeout_s": 2.0, "at_once": 6}
    )
    outcome = await app.main(options, stage)
    over.set()
    await asyncio.gather(*running)
    await nemeses[0].finish()
    history.write("audit", report=outcome.report)


def tickets(folder: Path, count: int = 24) -> Path:
    """The first tickets of the desk, as a file."""
    lines = (DATA / "tickets.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    chosen = folder / "tickets.csv"
    chosen.write_text("".join(lines[: count + 1]), encoding="utf-8")
    return chosen


async def main(orders: Orders) -> None:
    """All lanes, in one Ray."""
    cluster = Cluster("local", cores=os.cpu_count() or 2)
    cluster.start()
    vars(swarm_module)["engine_of"] = lambda *_: ENGINE.get()
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    if me is not None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, me.cancel)
    try:
        until = time.monotonic() + orders.seconds
        await asyncio.gather(*(lane(orders, number, until) for number in range(orders.lanes)))
    finally:
        cluster.stop()


if __name__ == "__main__":
    with suppress(asyncio.CancelledError):
        asyncio.run(main(Orders.from_text(sys.argv[1])))
