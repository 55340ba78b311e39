"""A context that outlives its turn says so, whatever it is used for; the work that it was kept for has no effect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from stigmergy.protocols import Message
from stigmergy.protocols.errors import HandlerFailed, TurnOver
from stigmergy.runtime import Agent, Context, Swarm, handles


class Begin(Message):
    what: str
    fails: bool = False


class Heard(Message):
    """Is told or asked."""


USES: dict[str, Callable[[Context], Any]] = {
    "tell": lambda ctx: ctx.tell("ear/1", Heard()),
    "post": lambda ctx: ctx.post("news", Heard()),
    "ask": lambda ctx: ctx.ask("ear/1", Heard()),
    "write": lambda ctx: ctx.write("k", 1),
    "deposit": lambda ctx: ctx.deposit("trail", {"k": 1.0}),
    "facts": lambda ctx: ctx.facts.put("k", 1),
    "look": lambda ctx: ctx.facts.get("k"),
    "find": lambda ctx: ctx.find(tag="x"),
    "run": lambda ctx: ctx.run("step", dict),
    "follow": lambda ctx: ctx.follow("news"),
}


class Leaver(Agent):
    """Leaves work behind that nobody awaits."""

    attempts = 1
    gate: asyncio.Event
    left: asyncio.Task[None]

    @handles
    async def act(self, begin: Begin, ctx: Context) -> None:
        async def later() -> None:
            await Leaver.gate.wait()
            used = USES[begin.what](ctx)
            if isinstance(used, Awaitable):
                await used

        Leaver.left = asyncio.create_task(later())
        if begin.fails:
            raise ConnectionError("a line was cut")


class Ear(Agent):
    """Hears what should not be said."""

    heard = 0

    @handles
    async def hear(self, heard: Heard) -> None:
        Ear.heard += 1


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("what", USES)
async def test_a_context_that_is_used_after_its_turn_says_so_and_does_nothing(what, durable, fails):
    Leaver.gate, Ear.heard = asyncio.Event(), 0
    async with Swarm(engine="local", durable=durable) as swarm:
        swarm.add(Leaver)
        swarm.add(Ear)
        with suppress(HandlerFailed):
            await swarm.ask("leaver/1", Begin(what=what, fails=fails))
        Leaver.gate.set()
        with pytest.raises(TurnOver, match=r"the turn of leaver/1 is over.*: await the work in the handler, or tell"):
            await Leaver.left
        await swarm.ask("ear/1", Heard())
        assert Ear.heard == 1


class PlainLeaver(Agent):
    """Leaves work behind in a plain handler."""

    gate: asyncio.Event
    left: asyncio.Task[None]

    @handles
    def act(self, begin: Begin, ctx: Context) -> None:
        async def later() -> None:
            await PlainLeaver.gate.wait()
            used = USES[begin.what](ctx)
            if isinstance(used, Awaitable):
                await used

        if begin.what:
            PlainLeaver.left = asyncio.create_task(later())


class PlainEar(Ear):
    """Hears it in a plain handler, with the context that all of them share."""

    kind = "ear"

    @handles
    def hear(self, heard: Heard, ctx: Context) -> None:
        Ear.heard += 1


@pytest.mark.parametrize("clock", ["live", "lockstep"])
@pytest.mark.parametrize("what", USES)
async def test_a_context_that_a_plain_handler_shares_and_somebody_has_kept_says_so_too(what, clock):
    PlainLeaver.gate, Ear.heard = asyncio.Event(), 0
    async with Swarm(durable=False, clock=clock) as swarm:
        swarm.add(PlainLeaver)
        swarm.add(PlainEar)
        await swarm.ask("plain-leaver/1", Begin(what=""))  # from here on it needs nothing that is waited for
        await swarm.ask("plain-leaver/1", Begin(what=what))
        await swarm.ask("ear/1", Heard())
        PlainLeaver.gate.set()
        with pytest.raises(TurnOver, match="the turn of a plain handler is over.*: await the work in the handler, or"):
            await PlainLeaver.left
        await swarm.ask("ear/1", Heard())
        assert Ear.heard == 2


@pytest.mark.parametrize("clock", ["live", "lockstep"])
async def test_work_that_a_plain_handler_leaves_behind_cannot_use_its_context_at_once_either(clock):
    PlainLeaver.gate, Ear.heard = asyncio.Event(), 0
    PlainLeaver.gate.set()
    async with Swarm(durable=False, clock=clock) as swarm:
        swarm.add(PlainLeaver)
        swarm.add(PlainEar)
        await swarm.ask("plain-leaver/1", Begin(what=""))
        await swarm.tell("plain-leaver/1", Begin(what="tell"))
        await swarm.ask("ear/1", Heard())
        with pytest.raises(TurnOver, match="the turn of a plain handler is over"):
            await PlainLeaver.left
        assert Ear.heard == 1


class Waiter(Agent):
    """Lets the event loop turn."""

    @handles
    async def hear(self, heard: Heard) -> None:
        await asyncio.sleep(0)


class Teller(Agent):
    """Has work left behind, and somebody wait."""

    @handles
    async def act(self, begin: Begin, ctx: Context) -> None:
        ctx.tell("plain-leaver/1", begin)
        ctx.tell("waiter/1", Heard())


async def test_nor_can_it_use_it_while_another_agent_waits():
    PlainLeaver.gate, Ear.heard = asyncio.Event(), 0
    PlainLeaver.gate.set()
    async with Swarm(durable=False) as swarm:
        swarm.add(PlainLeaver)
        swarm.add(PlainEar)
        swarm.add(Teller)
        swarm.add(Waiter)
        await swarm.ask("plain-leaver/1", Begin(what=""))
        await swarm.ask("teller/1", Begin(what="tell"))
        await swarm.ask("ear/1", Heard())
        with pytest.raises(TurnOver, match="the turn of a plain handler is over"):
            await PlainLeaver.left
        assert Ear.heard == 1
