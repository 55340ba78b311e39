"""Agents that may read what is a little old read it from their own host, and get the same as from the board."""

from __future__ import annotations

from stigmergy.protocols import Message
from stigmergy.protocols.message import Done
from stigmergy.runtime import Agent, Context, handles
from tests.runtime.town import Town


class Lay(Message):
    amount: float


class Smell(Message):
    max_age_s: float


class Smelled(Message):
    amount: float
    best: str
    posts: int


class Ant(Agent):
    @handles
    def lay(self, lay: Lay, ctx: Context) -> None:
        ctx.deposit("scent", {"here": lay.amount})
        ctx.write("best", f"after {lay.amount}")
        ctx.post("news", lay)

    @handles
    async def smell(self, wish: Smell, ctx: Context) -> Smelled:
        found = await ctx.trail("scent").read(["here"], max_age_s=wish.max_age_s)
        best = await ctx.facts.get("best", max_age_s=wish.max_age_s)
        posts = await ctx.read_topic("news", max_age_s=wish.max_age_s)
        return Smelled(amount=found["here"], best=str(best.value) if best else "", posts=len(posts))


async def test_a_copy_on_the_host_says_what_the_board_says():
    async with Town(Ant) as town:
        await town.act("trails.define", {"trail": "scent", "rule": {}, "now": 0.0})
        for amount in (1.0, 2.0):
            first = await town.ask("ant/reader", Smell(max_age_s=60.0), Smelled)
            assert first.amount == amount - 1.0
            await town.ask("ant/layer", Lay(amount=1.0), Done)
            # The answer to the layer and the change to the copy leave the board in this order over one link.
            seen = await town.ask("ant/reader", Smell(max_age_s=60.0), Smelled)
            assert seen == Smelled(amount=amount, best="after 1.0", posts=int(amount))
            assert seen == await town.ask("ant/reader", Smell(max_age_s=0.0), Smelled)


async def test_a_new_life_of_a_host_begins_with_new_copies():
    async with Town(Ant) as town:
        await town.act("trails.define", {"trail": "scent", "rule": {}, "now": 0.0})
        await town.ask("ant/reader", Smell(max_age_s=60.0), Smelled)
        await town.crash()
        await town.ask("ant/layer", Lay(amount=1.0), Done)
        assert (await town.ask("ant/reader", Smell(max_age_s=60.0), Smelled)).amount == 1.0
