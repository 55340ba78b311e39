"""A swarm that its driver stops, begun or not."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest

from stigmergy.protocols import SwarmStopped
from stigmergy.runtime import Plant, Swarm
from stigmergy.runtime.history.figures import Figures
from stigmergy.runtime.keeper import Keeper
from stigmergy.runtime.run_folder import RunFolder

from .cast import Echo, Heard, Say

LOCAL = Plant(engine="local")


async def refuses(swarm):
    """The reason with which it refuses what it is asked."""
    with pytest.raises(SwarmStopped) as refused:
        await swarm.ask("echo", Say(text="a"), reply=Heard)
    return refused.value.reason


async def test_one_that_was_stopped_before_it_began_does_nothing_and_can_be_asked_why():
    swarm = Swarm(plant=LOCAL)
    swarm.add(Echo)
    await swarm.stop("user", "Ctrl-C")
    async with swarm:
        await swarm.start()
        assert await refuses(swarm) == "user"
        report = await swarm.report()
    assert (report.stop_reason, report.stop_text, report.messages) == ("user", "Ctrl-C", 0)
    assert swarm.stopped == ("user", "Ctrl-C")


async def test_one_that_was_stopped_while_it_began_does_nothing_either(monkeypatch):
    opening, stopped = asyncio.Event(), asyncio.Event()
    begin = Keeper.begin

    async def slow(keeper):
        opening.set()
        await stopped.wait()
        await begin(keeper)

    monkeypatch.setattr(Keeper, "begin", slow)

    async def main():
        async with swarm:
            swarm.add(Echo)
            return await refuses(swarm)

    swarm = Swarm(plant=LOCAL)
    running = asyncio.create_task(main())
    await opening.wait()
    assert swarm.is_opening
    await swarm.stop("user", "Ctrl-C")
    stopped.set()
    assert await running == "user"


async def test_one_that_goes_on_stays_stopped_and_its_journal_says_so(tmp_path):
    async with Swarm(plant=LOCAL, journal=tmp_path) as swarm:
        swarm.add(Echo)
        assert (await swarm.ask("echo", Say(text="a"), reply=Heard)).n == 1
    assert swarm.folder is not None
    resumed = Swarm.resume(swarm.folder.path)
    resumed.add(Echo)
    await resumed.stop("user", "Ctrl-C")
    async with resumed:
        assert await refuses(resumed) == "user"
    with closing(RunFolder.open(swarm.folder.path).view()) as journal:
        assert Figures.of(journal.read()).stop == ("user", "Ctrl-C")


async def test_who_waits_for_hosts_need_not_wait_when_it_is_stopped(monkeypatch):
    begun = asyncio.Event()

    async def never(_self, _hosts):
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("stigmergy.runtime.shepherd.Shepherd.begin", never)  # as a Ray that takes long
    async with asyncio.timeout(10), Swarm(plant=LOCAL) as swarm:
        swarm.add(Echo)
        starting = asyncio.create_task(swarm.start())
        await begun.wait()
        await swarm.stop("user", "Ctrl-C")
        await starting
        assert await refuses(swarm) == "user"


async def test_one_that_was_stopped_while_its_board_was_away_stays_stopped(tmp_path, monkeypatch):
    away, back = asyncio.Event(), asyncio.Event()
    reopen = Keeper._reopen

    async def late(keeper, start):
        away.set()
        await back.wait()
        await reopen(keeper, start)

    monkeypatch.setattr(Keeper, "_reopen", late)
    async with Swarm(plant=LOCAL, journal=tmp_path) as swarm:
        swarm.add(Echo)
        await swarm.ask("echo", Say(text="a"), reply=Heard)
        assert swarm._life is not None
        keeper = swarm._life.housing._keepers[0]
        await keeper.process.close()
        keeper.lost("lost by a test")
        await away.wait()
        waiting = asyncio.create_task(swarm.ask("echo", Say(text="b"), reply=Heard))
        stopping = asyncio.create_task(swarm.stop("user", "Ctrl-C"))
        await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.wait([stopping])
        with pytest.raises(SwarmStopped):
            await waiting
        assert await refuses(swarm) == "user"
        back.set()
        async with asyncio.timeout(20):
            while (await swarm.counts())["stopped"] is None:
                pass  # each look lets the others go on
    assert (await swarm.report()).stop_reason == "user"


async def test_to_stop_one_that_has_ended_is_not_to_stop_its_next_life():
    swarm = Swarm(plant=LOCAL)
    swarm.add(Echo)
    heard = []
    swarm.on_event(lambda event, _: heard.append(event))
    async with swarm:
        await swarm.ask("echo", Say(text="a"), reply=Heard)
    await swarm.stop()
    async with swarm:
        assert (await swarm.ask("echo", Say(text="a"), reply=Heard)).text
        await swarm.request("lost", ["host-1.1", "a test"])
    assert "host_lost" in heard
