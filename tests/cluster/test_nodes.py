"""A swarm on several nodes: it joins by address, spreads out, and outlives one of them. One cluster for all."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stigmergy.actors.journal import SqliteJournal
from stigmergy.runtime import Plant, Swarm
from tests.cluster.nodes import Nodes, holders, node_of, nodes
from tests.depth import depth
from tests.runtime.cast import Diary, Heard, Killer, Say

pytestmark = pytest.mark.ray

BAR_S = 15.0
"""The lost node's agents go on elsewhere within this, on a quiet machine."""


@pytest.fixture(scope="module")
def cluster(no_ray) -> Iterator[Nodes]:
    with nodes(3) as running:
        yield running


@asynccontextmanager
async def joined(cluster: Nodes, folder: Any, *kinds: Any, hosts: int = 3, **more: Any) -> AsyncIterator[Swarm]:
    async with Swarm(journal=folder, plant=Plant(address=cluster.address, hosts=hosts), **more) as swarm:
        for kind in kinds:
            swarm.add(kind)
        await swarm.start()
        yield swarm


def hosts_of(swarm: Swarm) -> dict[str, Any]:
    """The hosts of this moment."""
    assert swarm._life is not None
    assert swarm._life.housing._shepherd is not None
    return swarm._life.housing._shepherd.processes


def journal_of(swarm: Swarm) -> Path:
    assert swarm.folder is not None
    return swarm.folder.path / "journal.db"


async def test_the_board_stays_with_its_disk_and_the_hosts_spread_over_the_nodes(cluster, tmp_path):
    import ray  # noqa: PLC0415 - after the cluster's settings

    on_each = depth(1, 2)
    async with joined(cluster, tmp_path, Killer, hosts=3 * on_each) as swarm:
        homes = [node_of(process) for process in hosts_of(swarm).values()]
        assert swarm._life is not None
        assert node_of(swarm._life.housing._keepers[0].process) == ray.get_runtime_context().get_node_id()
        assert sorted(map(homes.count, set(homes))) == [on_each] * 3
        users = {(await swarm.ask(f"killer/{n}", Say(text="live"), reply=Heard)).n for n in range(12)}
        assert len(users) > 1
        writers = holders(journal_of(swarm))
        assert len(writers) == 1
        assert not users & writers, "user code shares a process with the journal"
        assert os.getpid() not in writers


async def test_what_goes_from_node_to_node_goes_over_sockets(cluster, tmp_path):
    async with joined(cluster, tmp_path, Diary) as swarm:
        await asyncio.gather(*(swarm.tell(f"diary/{n}", Say(text="hello")) for n in range(24)))
        ways = {node_of(process): process._way for process in hosts_of(swarm).values()}
        assert len(ways) == 3
        while not all(way.up for way in ways.values()):  # noqa: ASYNC110 - the other ends are sockets
            await asyncio.sleep(0)


async def test_a_node_that_is_lost_costs_nothing_and_nothing_is_handled_twice(cluster, tmp_path, capfd):
    events: list[tuple[str, dict[str, Any]]] = []
    async with joined(cluster, tmp_path, Diary, on_event=lambda n, d: events.append((n, d))) as swarm:
        names = [f"diary/{n}" for n in range(24)]
        for number in range(10):
            await asyncio.gather(*(swarm.tell(name, Say(text=str(number))) for name in names))
        homes = {peer: node_of(process) for peer, process in hosts_of(swarm).items()}
        goes = next(home for home in homes.values() if home in cluster.others)
        there = {peer for peer, home in homes.items() if home == goes}
        telling = asyncio.gather(
            *(swarm.tell(name, Say(text=str(number))) for number in range(10, 30) for name in names)
        )
        began = time.monotonic()
        cluster.pull_the_plug(goes)
        await telling
        heard = await asyncio.gather(*(swarm.ask(name, Heard(text=""), reply=Heard, timeout_s=60) for name in names))
        recovered = time.monotonic() - began
        assert {diary.n for diary in heard} == {30}
        assert {diary.text for diary in heard} == {",".join(map(str, range(30)))}
        assert {data["host"] for name, data in events if name == "host_lost"} == there
        assert (await swarm.report()).dead_letters == {}
        journal = journal_of(swarm)
    reopened = SqliteJournal.open_readonly(journal)
    finished = [entry.data["id"] for entry in reopened.read() if entry.kind == "mail.done"]
    reopened.close()
    assert len(finished) == len(set(finished)) == 24 * 31
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    with capfd.disabled():
        print(f"a lost node: its agents went on elsewhere after {recovered:.1f} s (bar: {BAR_S:g} s)")
    cluster.grow()
