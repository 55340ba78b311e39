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
