"""What goes wrong in a swarm without a journal harms what it must, and nothing beside it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stigmergy.protocols import HandlerFailed
from stigmergy.runtime import Agent, Context, Plant, State, Swarm, handles

from .company import Ping, Plain, Pong, Purse
from .world import living


@asynccontextmanager
async def running(*kinds, hosts=1, **options):
    async with Swarm(plant=Plant(engine="local", hosts=hosts), durable=False, **options) as swarm:
        for kind in kinds:
            swarm.add(kind)
        yield swarm


class Commuter(Agent):
    """Counts its turns, and does not always get up at once."""

    state: Purse
    late = False

    async def on_start(self) -> None:
        if type(self).late:
            type(self).late = False
            raise ConnectionError("missed the train")

    @handles
    def ping(self, _: Ping, ctx: Context) -> Pong:
        self.state.coins += 1
        return Pong(n=self.state.coins, text=str(ctx.attempt))


async def test_an_agent_that_has_moved_and_cannot_start_at_once_still_has_its_state(monkeypatch):
    async with running(Commuter, hosts=2) as swarm:
        commuter = living("commuter", 1)[0]
        assert (await swarm.ask(commuter, Ping(), reply=Pong)) == Pong(n=1, text="1")
        await swarm.move(commuter, "host-2")
        monkeypatch.setattr(Commuter, "late", True)
        assert (await swarm.ask(commuter, Ping(), reply=Pong)) == Pong(n=2, text="2")


class Shelf(State):
    things: list[Any] = []


class Collector(Agent):
    """Keeps things in its state, also one that cannot be copied."""

    state: Shelf
    attempts = 1

    @handles
    def ping(self, ping: Ping) -> Pong:
        if ping.to:
            self.state.things.append(threading.Lock())
        return Pong(n=len(self.state.things))


async def test_a_letter_whose_agents_state_cannot_be_copied_is_buried_and_others_go_on():
    async with running(Collector, Plain) as swarm:
        await swarm.ask("collector/1", Ping(to="lock"), reply=Pong)
        with pytest.raises(HandlerFailed, match="cannot pickle"):
            await swarm.ask("collector/1", Ping(), reply=Pong, timeout_s=5)
        await asyncio.gather(*(swarm.tell("collector/1", Ping(n=number)) for number in range(3)))
        assert (await swarm.ask("collector/2", Ping(), reply=Pong)).n == 0
        assert (await swarm.ask("plain/1", Ping(), reply=Pong)).n == 1
        assert (await swarm.counts())["dead_letters"] == {"handler failed": 4}
