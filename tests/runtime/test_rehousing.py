"""A new board gets hosts, or its swarm says that it has none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from stigmergy.actors.clock import Clock
from stigmergy.protocols.errors import DeadlineExceeded, StigmergyError, StorageFull
from stigmergy.runtime import Plant, Swarm
from stigmergy.runtime.blueprint import announce
from stigmergy.runtime.keeper import Keeper
from tests.runtime.cast import Echo, Heard, Say

TROUBLE = DeadlineExceeded("the board did not answer 'kinds' within 30 s")


class Told:
    """What a swarm tells its driver."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._more = asyncio.Event()

    def __call__(self, event: str, data: dict[str, Any]) -> None:
        self.events.append((event, data))
        self._more.set()

    def times(self, event: str) -> int:
        return sum(name == event for name, _ in self.events)

    async def wait_for(self, event: str, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.times(event) < times:
                self._more.clear()
                await self._more.wait()


async def nothing() -> None:
    pass


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards are opened again without waiting: what is drawn for the wait is the least."""
    monkeypatch.setattr("stigmergy.runtime.blueprint.random", SimpleNamespace(random=lambda: 0.0))


def fails(monkeypatch: pytest.MonkeyPatch, times: float, meanwhile: Callable[[], Awaitable[None]] = nothing) -> None:
    """Let hosts move in when they have failed to so many times."""
    failed = [0]

    async def announced(*of: Any) -> None:
        failed[0] += 1
        if failed[0] <= times:
            await meanwhile()
            raise TROUBLE
        await announce(*of)

    monkeypatch.setattr("stigmergy.runtime.housing.announce", announced)


def keeper_of(swarm: Swarm, shard: int = 0) -> Keeper:
    assert swarm._life is not None
    return swarm._life.housing._keepers[shard]


async def lose_board(swarm: Swarm, shard: int = 0) -> None:
    """Its process ends, which frees its journal."""
    keeper = keeper_of(swarm, shard)
    await keeper.process.close()
    keeper.lost("killed by a test")


async def test_a_board_whose_hosts_do_not_move_in_is_told_of_and_opened_again(tmp_path, monkeypatch):
    told = Told()
    async with Swarm(engine="local", journal=tmp_path, on_event=told) as swarm:
        swarm.add(Echo)
        await swarm.start()
        fails(monkeypatch, 1)
        await lose_board(swarm)
        await told.wait_for("board_started", 2)
        assert (await swarm.ask("echo/1", Say(text="a"), reply=Heard, timeout_s=5)).text == "a!"
    assert str(TROUBLE) in dict(told.events)["board_failed"]["reason"]


async def test_a_board_that_lives_and_is_declared_lost_is_replaced_though_it_is_in_this_very_process(
    tmp_path, monkeypatch
):
    told = Told()
    async with Swarm(engine="local", journal=tmp_path, on_event=told) as swarm:
        swarm.add(Echo)
        await swarm.start()
        fails(monkeypatch, 0)
        keeper_of(swarm).lost("it did not answer a test")
        await told.wait_for("board_started")
        assert (await swarm.ask("echo/1", Say(text="a"), reply=Heard, timeout_s=5)).text == "a!"
    assert not told.times("board_failed")


async def test_a_swarm_whose_hosts_never_move_in_again_ends_and_whoever_asks_is_told_why(tmp_path, monkeypatch):
    told = Told()
    async with Swarm(engine="local", journal=tmp_path, on_event=told) as swarm:
        swarm.add(Echo)
        await swarm.start()
        fails(monkeypatch, float("inf"))
        await lose_board(swarm)
        await told.wait_for("stopped")
        with pytest.raises(StigmergyError, match="the board is gone: .*, the last time because no hosts"):
            await swarm.ask("echo/1", Say(text="a"), reply=Heard, timeout_s=5)


@pytest.mark.parametrize("dies", [False, True])
async def test_boards_that_take_their_time_to_get_no_hosts_are_not_opened_again_for_ever(tmp_path, monkeypatch, dies):
    told, late_s = Told(), [0.0]
    monkeypatch.setattr("stigmergy.runtime.blueprint.Clock", lambda: Clock(steady=lambda: time.monotonic() + late_s[0]))
    async with Swarm(engine="local", journal=tmp_path, on_event=told) as swarm:
        swarm.add(Echo)
        await swarm.start()

        async def meanwhile() -> None:
            late_s[0] += 31.0
            if dies:
                await lose_board(swarm)

        fails(monkeypatch, float("inf"), meanwhile)
        await lose_board(swarm)
        await told.wait_for("stopped")
        assert swarm.stopped is not None
        assert "the board is gone: 4 in a row have had no hosts, the last time because" in swarm.stopped[1]
        assert told.times("board_started") == 4
        keeper = keeper_of(swarm)
        opened = Mock(side_effect=lambda work: work.close())
        monkeypatch.setattr(keeper, "_spawn", opened)
        for _ in range(60):  # its keeper goes on looking, and misses nobody
            late_s[0] += 1.0
            await keeper._look()
        opened.assert_not_called()


async def test_boards_of_several_shards_that_are_lost_in_turn_before_they_have_hosts_are_not_opened_again_for_ever(
    tmp_path, monkeypatch
):
    told, late_s, losses = Told(), [0.0], [0]
    monkeypatch.setattr("stigmergy.runtime.blueprint.Clock", lambda: Clock(steady=lambda: time.monotonic() + late_s[0]))
    async with Swarm(plant=Plant(engine="local", shards=2), journal=tmp_path, on_event=told) as swarm:
        swarm.add(Echo)
        await swarm.start()

        async def meanwhile() -> None:
            late_s[0] += 31.0
            losses[0] += 1
            await lose_board(swarm, losses[0] % 2)
            await asyncio.sleep(0)  # those who move in for the board before are told to leave it

        fails(monkeypatch, 20, meanwhile)
        await lose_board(swarm)
        await told.wait_for("stopped")
        assert swarm.stopped is not None
        assert "the board is gone: 4 in a row have had no hosts" in swarm.stopped[1]


async def test_boards_that_have_had_hosts_do_not_count_with_those_that_have_none(tmp_path, monkeypatch):
    told, late_s = Told(), [0.0]
    monkeypatch.setattr("stigmergy.runtime.blueprint.Clock", lambda: Clock(steady=lambda: time.monotonic() + late_s[0]))
    async with Swarm(engine="local", journal=tmp_path, on_event=told) as swarm:
        swarm.add(Echo)
        await swarm.start()
        for times in (1, 2):
            fails(monkeypatch, 2)
            await lose_board(swarm)
            await told.wait_for("board_started", 3 * times)
            assert (await swarm.ask("echo/1", Say(text="a"), reply=Heard, timeout_s=5)).text == "a!"
            await swarm.counts()  # the answer may come before the keeper has heard that there are hosts
            late_s[0] += 61.0


@pytest.mark.parametrize("shards", [1, 2])
async def test_hosts_that_move_in_when_a_board_is_lost_go_no_further(tmp_path, monkeypatch, shards):
    told, moving, went_on = Told(), asyncio.Event(), asyncio.Event()

    async def announced(*_: Any) -> None:
        moving.set()
        await asyncio.sleep(0)
        went_on.set()

    async with Swarm(plant=Plant(engine="local", shards=shards), journal=tmp_path, on_event=told) as swarm:
        swarm.add(Echo)
        await swarm.start()
        monkeypatch.setattr("stigmergy.runtime.housing.announce", announced)
        await lose_board(swarm)
        async with asyncio.timeout(10):
            await moving.wait()
        monkeypatch.setattr("stigmergy.runtime.housing.announce", announce)
        keeper_of(swarm).lost("killed by a test while hosts move in")
        await told.wait_for("board_started", 2)
        assert (await swarm.ask("echo/1", Say(text="a"), reply=Heard, timeout_s=5)).text == "a!"
        assert not went_on.is_set()


async def test_a_swarm_whose_disk_is_full_ends_and_says_so(tmp_path, monkeypatch):
    told = Told()
    async with Swarm(engine="local", journal=tmp_path, on_event=told) as swarm:
        swarm.add(Echo)
        await swarm.start()
        monkeypatch.setattr("stigmergy.actors.journal.room.Room.check", full)
        with pytest.raises(StigmergyError, match=r"the board is gone: .* because 80 MiB are free: free some space"):
            await swarm.ask("echo/1", Say(text="a"), reply=Heard, timeout_s=20)


def full(*_: Any) -> None:
    raise StorageFull("80 MiB are free: free some space")
