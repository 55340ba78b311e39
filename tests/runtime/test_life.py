"""One life of a swarm: it is begun once, closed once, and its last figures stay."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from stigmergy.protocols import Budget
from stigmergy.protocols.errors import UsageError
from stigmergy.runtime import Swarm
from stigmergy.runtime.engines import LocalEngine
from stigmergy.runtime.run_folder import RunFolder
from tests.runtime.cast import Echo, Heard, Say


async def test_who_closes_a_swarm_that_is_being_closed_waits_for_it_and_changes_nothing(tmp_path, monkeypatch):
    happened: list[str] = []

    async def stop(_):
        happened.append("stopping")
        await asyncio.sleep(0)
        happened.append("stopped")

    async def close(swarm: Swarm, reason: str) -> None:
        await swarm.close(reason)
        happened.append(reason)

    monkeypatch.setattr(LocalEngine, "stop", stop)
    swarm = Swarm(engine="local", journal=tmp_path)
    await swarm.__aenter__()
    await asyncio.gather(close(swarm, "done"), close(swarm, "failure"))
    assert happened == ["stopping", "stopped", "done", "failure"]
    assert swarm.folder is not None
    assert swarm.folder.read("run.json")["stop_reason"] == "done"


async def test_the_last_figures_can_be_had_from_when_they_are_taken(monkeypatch):
    async def stop(_):
        found.append((await swarm.report()).messages)

    found: list[int] = []
    monkeypatch.setattr(LocalEngine, "stop", stop)
    async with Swarm(engine="local") as swarm:
        swarm.add(Echo)
        await swarm.ask("echo/1", Say(text="a"), reply=Heard)
    assert found == [2]
    assert (await swarm.report()).messages == 2


async def test_who_stops_a_swarm_that_is_ending_has_nothing_to_do(monkeypatch):
    stopped: list[str] = []

    async def stop(_):
        await swarm.stop("user", "Ctrl-C")
        stopped.append("engine")

    monkeypatch.setattr(LocalEngine, "stop", stop)
    async with Swarm(engine="local") as swarm:
        swarm.add(Echo)
        await swarm.ask("echo/1", Say(text="a"), reply=Heard)
    assert stopped == ["engine"]
    assert (await swarm.report()).stop_reason == ""


async def test_a_swarm_that_runs_is_not_begun_again_before_it_has_closed(tmp_path):
    async with Swarm(engine="local", journal=tmp_path) as swarm:
        with pytest.raises(UsageError, match="running already"):
            await swarm.__aenter__()
        swarm.add(Echo)
        assert (await swarm.ask("echo/1", Say(text="a"), reply=Heard)).text == "a!"
    async with swarm:
        pass
    ended = [RunFolder.open(path).read("run.json")["stop_reason"] for path in sorted(tmp_path.iterdir())]
    assert ended == ["done", "done"]


async def test_a_budget_in_seconds_counts_from_when_the_hosts_work(tmp_path):
    async with Swarm(engine="local", journal=tmp_path, budget=Budget(messages=100, seconds=600)) as swarm:
        swarm.add(Echo)
        await swarm.ask("echo/1", Say(text="a"), reply=Heard)
    assert swarm.folder is not None
    with closing(swarm.folder.view()) as journal:
        entries = list(journal.read(kinds=("ledger.open", "ledger.reopen", "registry.join")))
    begun = [(entry.kind, entry.data.get("budget")) for entry in entries]
    assert begun == [
        ("ledger.open", {"messages": 100, "seconds": 600.0}),
        ("registry.join", None),
        ("ledger.reopen", None),
    ]
