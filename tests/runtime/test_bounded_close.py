"""A swarm closes in time, whatever its agents do, and says which of them have held it up."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import Any, ClassVar

import pytest

from stigmergy.actors import ending
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, Swarm, handles

WAYS: dict[str, dict[str, Any]] = {
    "durable": {"engine": "local"},
    "live": {"engine": "local", "durable": False},
    "lockstep": {"engine": "local", "durable": False, "clock": "lockstep", "seed": 1},
}


@pytest.fixture(params=WAYS)
def way(request, monkeypatch) -> dict[str, Any]:
    """How the swarm runs; what closes it has little patience."""
    monkeypatch.setattr(ending, "FAREWELL_S", 0.05)
    monkeypatch.setattr(ending, "GRACE_S", 0.05)
    return WAYS[request.param]


class Go(Message):
    pass


class Stubborn(Agent):
    """Does not let itself be cancelled."""

    begun: ClassVar[asyncio.Event]

    @handles
    async def go(self, _: Go) -> None:
        self.begun.set()
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()


class Reentrant(Stubborn):
    reentrant = True


@pytest.mark.parametrize("kind", [Stubborn, Reentrant])
async def test_a_handler_that_cannot_be_cancelled_holds_its_swarm_up_for_so_long_only(kind, way):
    Stubborn.begun = asyncio.Event()
    before, who = asyncio.all_tasks(), f"{kind.__name__.lower()}/1"

    async def life() -> None:
        async with asyncio.timeout(10), Swarm(**way) as swarm:
            swarm.add(kind)
            asking = asyncio.ensure_future(swarm.ask(who, Go()))
            await Stubborn.begun.wait()
        await asyncio.wait_for(asyncio.gather(asking, return_exceptions=True), 5)

    with pytest.warns(RuntimeWarning, match=f"closed without {who}: what they do does not end"):
        await life()
    for _ in range(5):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


class Panic(BaseException):
    """What a library in another language raises."""


class Leaver(Agent):
    """Comes alive, and says goodbye in its own way."""

    async def on_stop(self) -> None:
        await getattr(self, self.key)()

    @handles
    def go(self, _: Go) -> None: ...

    async def slow(self) -> None:
        await asyncio.get_running_loop().create_future()

    async def stubborn(self) -> None:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()

    async def panic(self) -> None:
        raise Panic

    async def exits(self) -> None:
        raise SystemExit(3)

    async def suicide(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    @property
    def key(self) -> str:
        return self.me.key


@pytest.mark.parametrize("how", ["slow", "stubborn"])
async def test_an_agent_whose_goodbye_takes_too_long_holds_its_swarm_up_for_so_long_only(how, way):
    with pytest.warns(RuntimeWarning, match=f"closed without leaver/{how}: their on_stop takes too long"):
        assert await left_over(how, way) == set()


async def left_over(how: str, way: dict[str, Any]) -> set[asyncio.Task[Any]]:
    """What goes on when a swarm has closed whose agent says goodbye so."""
    before = asyncio.all_tasks()
    async with asyncio.timeout(10):
        async with Swarm(**way) as swarm:
            swarm.add(Leaver)
            await swarm.ask(f"leaver/{how}", Go())
    for _ in range(5):
        await asyncio.sleep(0)
    return asyncio.all_tasks() - before


@pytest.mark.parametrize("how", ["panic", "exits", "suicide"])
async def test_whatever_an_agent_raises_as_its_goodbye_its_swarm_is_closed_in_good_order(how, way):
    assert await left_over(how, way) == set()


class Asker(Agent):
    """Leaves a question behind."""

    left: ClassVar[list[asyncio.Task[Any]]] = []

    @handles
    async def go(self, _: Go, ctx: Context) -> None:
        self.left.append(asyncio.get_running_loop().create_task(ctx.ask("stubborn/1", Go())))
        await Stubborn.begun.wait()


async def test_what_a_handler_has_left_waiting_ends_with_its_host_and_without_a_word(monkeypatch):
    monkeypatch.setattr(ending, "FAREWELL_S", 0.05)
    Stubborn.begun, said = asyncio.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))

    async def life() -> None:
        async with Swarm(engine="local") as swarm:
            swarm.add(Asker)
            swarm.add(Stubborn)
            await swarm.ask("asker/1", Go())

    with pytest.warns(RuntimeWarning, match="closed without stubborn/1"):
        await life()
    (left,) = Asker.left
    Asker.left.clear()
    await asyncio.wait([left])
    assert left.cancelled()
    del left
    gc.collect()
    assert said == []
