"""How a host ends whose loop stands still: the board hears who ended it, and why, before the process is gone."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from stigmergy.actors.clock import Clock
from stigmergy.actors.transport.link import PeerGone
from stigmergy.protocols.supervision import Kill
from stigmergy.runtime import Agent, Context, Swarm, handles
from stigmergy.runtime import shepherd as module
from stigmergy.runtime.circle import Circle
from stigmergy.runtime.shepherd import Plan, Shepherd, Yard
from stigmergy.runtime.standstill import STALLED_S
from tests.runtime.cast import Say

STUCK = {"stalled_s": 4.0, "at": "app.py:41 in spin"}


RELEASED = threading.Event()


class Spinner(Agent):
    """Holds its host up."""

    @handles
    async def spin(self, _said: Say, _ctx: Context) -> None:
        RELEASED.wait(10)


class Farm:
    """A shepherd with one host that is up, and what happens there in order."""

    def __init__(self, *, board_answers: bool = True, lives: dict[str, int] | None = None) -> None:
        self.happened: list[Any] = []
        self.told = asyncio.Event()
        self._board_answers = board_answers
        hear, draw = (lambda *event: self.happened.append(event)), (lambda: 0.0)
        engine: Any = SimpleNamespace(process=self.begin)
        circle, self.lives = Circle(None), {} if lives is None else lives
        yard = Yard(
            engine, {}, self.call, self.call, {"host": ""}, hear, Clock(), draw, circle, lambda: False, self.lives
        )
        self.shepherd = Shepherd(yard)
        self.host: Any = SimpleNamespace(kill=self.kill, health=self.health)
        self.shepherd._up["host-1.1"] = self.host

    async def call(self, request: str, payload: Any = None) -> dict[str, int]:
        self.happened.append((request, payload))
        if not self._board_answers:
            await asyncio.Event().wait()
        return {"host-2": 7}  # epochs, if that was asked for

    def kill(self) -> None:
        self.happened.append("killed")
        self.told.set()

    async def health(self) -> dict[str, Any]:
        raise PeerGone("its process is gone")

    def begin(self, peer: str, _resources: dict[str, Any]) -> Any:
        self.happened.append(f"{peer} begins")
        self.told.set()
        return SimpleNamespace(open=lambda *_: asyncio.Event().wait(), close=lambda: asyncio.sleep(0), kill=int)

    async def end(self) -> None:
        self.shepherd._carry_out([Kill("host-1", 1)])
        async with asyncio.timeout(10):
            await self.told.wait()


@pytest.mark.parametrize(
    "seen",
    [["app.py:41 in spin", "app.py:41 in spin"], ["", "app.py:41 in spin", "", "app.py:41 in spin"]],
    ids=["always the same line", "elsewhere before and between"],
)
async def test_a_host_that_stands_still_in_a_line_of_the_user_is_told_of_once_and_ended_for_that(seen):
    farm = Farm()
    for at in seen:
        assert farm.shepherd._stands_still("host-1.1", {"stalled_s": 4.0, "at": at})
    await farm.end()
    assert farm.happened == [
        ("host_stalled", {"host": "host-1.1", "at": "app.py:41 in spin", "seconds": 4.0}),
        ("stalled", ["host-1.1", "app.py:41 in spin did not return"]),
        ("lost", ["host-1.1", "ended by the runtime, because app.py:41 in spin did not return"]),
        "killed",
    ]


async def test_what_was_slow_once_is_no_reason_later():
    farm = Farm()
    assert farm.shepherd._stands_still("host-1.1", STUCK)
    assert not farm.shepherd._stands_still("host-1.1", {"stalled_s": 0.0, "at": ""})
    await farm.end()
    assert farm.happened[1:] == [
        ("stalled", ["host-1.1", "app.py:41 in spin did not return"]),
        ("stalled", ["host-1.1", ""]),
        ("lost", ["host-1.1", "ended by the runtime, because it gave no sign of life"]),
        "killed",
    ]


@pytest.mark.parametrize(("stalled_s", "beats"), [(0.0, 2), (STALLED_S - 0.1, 2), (STALLED_S, 0), (4.0, 0)])
async def test_a_host_that_stands_still_gives_no_sign_of_life_though_its_process_answers(monkeypatch, stalled_s, beats):
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    farm, heard, looks = Farm(), list[Any](), iter([2, 1])

    async def health() -> dict[str, Any]:
        if next(looks) == 1:
            farm.shepherd._up.clear()
        return {"stalled_s": stalled_s}

    farm.host.health = health

    def heartbeat(*beat: Any) -> list[Any]:
        heard.append(beat)
        return []

    monkeypatch.setattr(farm.shepherd._supervisor, "heartbeat", heartbeat)
    await farm.shepherd._listen("host-1", 1, farm.host)
    assert [beat[:2] for beat in heard] == [("host-1", 1)] * beats
    await farm.shepherd.close()


async def test_a_host_that_is_gone_is_told_of_before_its_successor_begins():
    farm = Farm()
    farm.shepherd._plan("host-1", Plan((), {}), 0.0)
    farm.shepherd._first["host-1"].set_result(None)
    _ = farm.shepherd._supervisor.started("host-1", 1, 0.0)
    await farm.shepherd._listen("host-1", 1, farm.host)
    farm.told.clear()
    async with asyncio.timeout(10):
        await farm.told.wait()
    assert farm.happened == ["killed", ("lost", ["host-1.1", "its process is gone"]), "host-1.2 begins"]
    await farm.shepherd.close()


async def test_a_host_is_ended_though_the_board_does_not_answer(monkeypatch):
    monkeypatch.setattr(module, "TELL_S", 0.01)
    farm = Farm(board_answers=False)
    await farm.end()
    assert farm.happened[-1] == "killed"


@pytest.mark.parametrize("turns_of_the_loop", [0, 1, 2])
async def test_a_host_is_ended_though_its_shepherd_ends_first(turns_of_the_loop):
    farm = Farm(board_answers=False)
    farm.shepherd._carry_out([Kill("host-1", 1)])
    for _ in range(turns_of_the_loop):
        await asyncio.sleep(0)
    await farm.shepherd.close()
    async with asyncio.timeout(10):
        await farm.told.wait()
    assert farm.happened[-1] == "killed"


@pytest.mark.parametrize("durable", [True, False])
async def test_a_host_that_stands_still_says_where_to_who_asks_from_another_thread(durable):
    said: list[dict[str, Any]] = [{}]

    def look(service: Any) -> None:
        until = time.monotonic() + 9
        while not said[-1].get("at") and time.monotonic() < until:
            said.append(service.health())
            time.sleep(0.01)
        RELEASED.set()

    RELEASED.clear()
    async with Swarm(engine="local", durable=durable) as swarm:
        swarm.add(Spinner)
        await swarm.start()
        assert swarm._life is not None
        assert swarm._life.housing._shepherd is not None
        (host,) = swarm._life.housing._shepherd.processes.values()
        looking = asyncio.create_task(asyncio.to_thread(look, getattr(host, "service", None)))
        await swarm.ask("spinner/1", Say(text="a"))
        await looking
        assert re.fullmatch(r"test_shepherd\.py:\d+ in spin", said[-1]["at"])
        assert (await host.health())["at"] == ""


async def test_a_host_that_never_joined_has_a_successor_of_another_name_since_it_may_linger():
    first = Farm()
    beginning = asyncio.ensure_future(first.shepherd.begin(2))
    await first.told.wait()
    await asyncio.sleep(0)
    beginning.cancel()
    first.shepherd.abandon()
    second = Farm(lives=first.lives)
    beginning = asyncio.ensure_future(second.shepherd.begin(2))
    await second.told.wait()
    await asyncio.sleep(0)
    begun = [[each for each in farm.happened if str(each).endswith("begins")] for farm in (first, second)]
    assert begun == [["host-1.1 begins", "host-2.8 begins"], ["host-1.2 begins", "host-2.9 begins"]]
    beginning.cancel()
    second.shepherd.abandon()
