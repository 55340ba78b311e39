"""What goes wrong in a swarm without a journal harms what it must, and nothing beside it."""

from __future__ import annotations

from contextlib import asynccontextmanager

from stigmergy.runtime import Agent, Context, Plant, Swarm, handles

from .company import Ping, Pong, Purse
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
