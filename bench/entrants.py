"""Who can be measured, by name, and what each needs: a fresh swarm, a fresh process, Ray."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.fresh import autogen_processes, our_processes, ray_command_line
from bench.journals import postgres_fleet, postgres_journal, sqlite_journal
from bench.load import Measure
from bench.lockstep import lockstep
from bench.ours import fleet
from bench.pace import Pace, Said, Series, alternate, describe
from bench.peer_process import own_process, peer_process
from bench.peers.batched_ray import batched_ray
from bench.peers.raw_ray import raw_ray
from bench.peers.raw_sqlite import raw_sqlite
from bench.peers.redis_streams import redis_streams
from bench.results import Row
from bench.rows import (
    AUTOGEN,
    AUTOGEN_PROCESS,
    BATCHED_RAY,
    CROWDS,
    FEW,
    GRPC,
    LOCKSTEP,
    LONE_HOST,
    MEMORY,
    MESA,
    MESA_CALLING,
    MESA_IN_ORDER,
    NEW_PROCESS,
    ONE_HOST,
    POSTGRES,
    POSTGRES_JOURNAL,
    RAW_SQLITE,
    RAY,
    RAY_HELP,
    RAY_LOCKSTEP,
    RAY_MEMORY,
    RAY_SQLITE,
    RAY_VOLATILE,
    REDIS,
    SQLITE,
    SQLITE_JOURNAL,
    TWO_HOSTS,
    UNWATCHED,
    VOLATILE,
    XOSCAR,
    Comparison,
)
from bench.spread import spread
from stigmergy.actors.transport.cluster import Cluster

NEED_RAY = frozenset(
    {RAY, BATCHED_RAY, RAY_VOLATILE, RAY_LOCKSTEP, RAY_MEMORY, RAY_SQLITE, ONE_HOST, LONE_HOST, TWO_HOSTS}
)


class Entrants:
    """Opens whoever takes part. Everybody starts anew for each comparison, so that none carries another's load."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is where durable ones write; it must be on a real disk."""
        self._folder = folder
        self._cluster: Cluster | None = None
        self.versions: dict[str, str] = {}
        """Of the peers that ran."""

    def open(self, name: str) -> AbstractAsyncContextManager[Measure]:
        """One entrant, by its name in `bench.rows`."""
        if name in CROWDS:
            return own_process("bench.crowd", str(CROWDS[name]))
        openers: dict[str, Callable[[], AbstractAsyncContextManager[Measure]]] = {
            VOLATILE: lambda: fleet("local", None, durable=False),
            LOCKSTEP: lockstep,
            RAY_LOCKSTEP: lambda: lockstep(hosts=2),
            MEMORY: lambda: fleet("local", None),
            SQLITE: lambda: fleet("local", self._folder),
            RAY_VOLATILE: lambda: fleet("ray", None, durable=False),
            RAY_MEMORY: lambda: fleet("ray", None),
            RAY_SQLITE: lambda: fleet("ray", self._folder),
            ONE_HOST: lambda: fleet("ray", self._folder, hosts=1),
            AUTOGEN: lambda: peer_process("bench.peers.autogen_local", self.versions),
            GRPC: lambda: peer_process("bench.peers.autogen_grpc", self.versions),
            XOSCAR: lambda: peer_process("bench.peers.xoscar_pool", self.versions),
            MESA: lambda: peer_process("bench.peers.mesa_steps", self.versions, "shuffled"),
            MESA_CALLING: lambda: peer_process("bench.peers.mesa_steps", self.versions, "calling"),
            MESA_IN_ORDER: lambda: peer_process("bench.peers.mesa_steps", self.versions, "in_order"),
            NEW_PROCESS: our_processes,
            AUTOGEN_PROCESS: autogen_processes,
            RAY_HELP: ray_command_line,
            RAY: raw_ray,
            FEW: lambda: own_process("bench.crowd", "1000"),
            UNWATCHED: lambda: own_process("bench.crowd", "1000", "unwatched"),
            LONE_HOST: lambda: spread(1),
            TWO_HOSTS: lambda: spread(2),
            BATCHED_RAY: batched_ray,
            POSTGRES: lambda: postgres_fleet(self._folder, self.versions),
            SQLITE_JOURNAL: lambda: sqlite_journal(self._folder),
            POSTGRES_JOURNAL: lambda: postgres_journal(self._folder, self.versions),
            REDIS: lambda: redis_streams(self._folder, self.versions),
            RAW_SQLITE: lambda: raw_sqlite(self._folder),
        }
        return openers[name]()

    def need_ray(self) -> None:
        """Start Ray, once, with the settings that our swarms use; they join it.

        But its workers, ours and those of peers, do not give way to everything else on the machine: Ray gives them 15.
        """
        if self._cluster is None:
            os.environ.setdefault("RAY_worker_niceness", "0")
            self._cluster = Cluster("local", os.cpu_count() or 2)
            self._cluster.start()

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.stop()


@asynccontextmanager
async def entrants(folder: Path) -> AsyncIterator[Entrants]:
    """All that a run needs, and nothing left behind."""
    everybody = Entrants(folder)
    try:
        yield everybody
    finally:
        everybody.close()


async def compare(everybody: Entrants, comparison: Comparison, pace: Pace, said: Said) -> list[Row]:
    """Carry out one comparison."""
    failures: dict[str, str] = {}
    measures: dict[str, Measure] = {}
    async with AsyncExitStack() as stack:
        for name in in_turn(comparison.ours, comparison.peers):
            said(f"{name}, starting")
            try:
                if name in NEED_RAY:
                    everybody.need_ray()
                measures[name] = await stack.enter_async_context(everybody.open(name))
            except Exception as error:  # noqa: BLE001 - a peer that does not start is a finding, not our crash
                failures[name] = describe(error)
        series = await alternate(measures, comparison.load, pace, said)
    return rows_of(comparison, Series(series.rates, failures | series.failures))


def in_turn(ours: tuple[str, ...], peers: tuple[str, ...]) -> list[str]:
    """Us, a peer, us again: so that nobody always follows its own kind."""
    longest = max(len(ours), len(peers))
    return [side[place] for place in range(longest) for side in (ours, peers) if place < len(side)]


def rows_of(comparison: Comparison, series: Series) -> list[Row]:
    """The rows of a comparison, also those that have no figures."""
    rows = []
    for heading in comparison.headings:
        pair = (heading.ours_name, heading.peer_name)
        error = "; ".join(f"{name}: {series.failures[name]}" for name in pair if name in series.failures)
        ours, peer = (series.rates.get(name, []) for name in pair)
        rows.append(heading.row(ours, peer, error))
    return rows
