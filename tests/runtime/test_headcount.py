"""Ceilings in agents and depth: who would be one too many or too deep is refused, and the swarm goes on."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from stigmergy.actors.host import host
from stigmergy.protocols import Budget, Message, NoSuchAgent, UsageError
from stigmergy.protocols.errors import BudgetExhausted
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles
from stigmergy.runtime.configuration import ClockName

from .town import Town


class Say(Message):
    to: str = ""
    n: int = 0


class Told(Message):
    said: str = ""


class News(Message):
    n: int = 0


class Guest(Agent):
    """Is there."""

    @handles
    def say(self, said: Say, ctx: Context) -> Told:
        return Told(said=str(self.me))


class Host(Agent):
    """Tells or asks others, and says how that went."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Told:
        try:
            return await ctx.ask(said.to, Say(), reply=Told)
        except BudgetExhausted as full:
            return Told(said=f"{full.dimension} of {full.account}")
        except NoSuchAgent:
            return Told(said="nobody is there")

    @handles
    def news(self, news: News, ctx: Context) -> None:
        for n in range(news.n):
            ctx.tell(f"guest/{n}", Say())


class Nest(Agent):
    """Brings the next one into being, by asking it."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Told:
        try:
            deeper = await ctx.ask(f"nest/{said.n + 1}", Say(n=said.n + 1), reply=Told)
        except BudgetExhausted as full:
            return Told(said=f"{self.me} is the last: {full.dimension} {full.ceiling:g}")
        return deeper


class Slow(Agent):
    """One of a pool that takes its time."""

    pool = 4

    @handles
    async def say(self, said: Say, ctx: Context) -> Told:
        await asyncio.sleep(0.01)
        return Told(said=str(self.me))


KINDS = (Guest, Host, Nest, Slow)


@pytest.fixture(params=["journal", "memory", "lockstep"])
def engine(request):
    durable = request.param == "journal"
    clock: ClockName = "lockstep" if request.param == "lockstep" else "live"

    @asynccontextmanager
    async def running(**budget):
        async with Swarm(engine="local", durable=durable, clock=clock, budget=Budget(**budget)) as swarm:
            for kind in KINDS:
                swarm.add(kind)
            yield swarm

    return running


async def dead(swarm, reason="budget", many=1):
    """So many messages have died of that."""
    async with asyncio.timeout(10):
        while (found := (await swarm.counts())["dead_letters"].get(reason, 0)) < many:  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.01)
    return found


async def test_one_agent_too_many_is_refused_and_the_swarm_goes_on(engine):
    async with engine(agents=1) as swarm:
        assert (await swarm.ask("guest/1", Say(), reply=Told)).said == "guest/1"
        for other in ("guest/2", "guest/3"):
            with pytest.raises(BudgetExhausted, match="passivated") as refused:
                await swarm.ask(other, Say(), reply=Told)
            assert refused.value.args == ("swarm", "agents", 1.0, 0.0, 1.0)
        assert (await swarm.ask("guest/1", Say(), reply=Told)).said == "guest/1"
        assert swarm.stopped is None


async def test_who_asks_somebody_who_is_not_there_hears_so_before_the_time_is_up(engine):
    async with engine() as swarm:
        assert (await swarm.ask("host/1", Say(to="nobody/1"), reply=Told)).said == "nobody is there"


async def test_a_kind_has_a_ceiling_of_its_own():
    async with Swarm(engine="local") as swarm:
        swarm.add(Guest, budget=Budget(agents=1))
        swarm.add(Host)
        for to in ("guest/1", "host/1", "host/2"):
            await swarm.ask(to, Say(to="guest/1"), reply=Told)
        assert (await swarm.ask("host/3", Say(to="guest/2"), reply=Told)).said == "agents of swarm/kind:guest"


async def test_what_is_told_to_one_too_many_is_a_dead_letter(engine):
    async with engine(agents=3) as swarm:
        await swarm.tell("host/1", News(n=5))
        with suppress(UsageError):  # where time runs by itself
            await swarm.run()
        assert await dead(swarm, many=3) == 3
        assert (await swarm.ask("guest/1", Say(), reply=Told)).said == "guest/1"


async def test_a_chain_of_agents_that_bring_each_other_into_being_is_cut(engine):
    async with engine(depth=3) as swarm:
        assert (await swarm.ask("nest/1", Say(n=1), reply=Told)).said == "nest/3 is the last: depth 3"
        assert (await swarm.ask("nest/4", Say(n=9), reply=Told)).said == "nest/11 is the last: depth 3"


async def test_a_pool_grows_to_the_ceiling_and_shares_its_members(engine):
    async with engine(agents=2) as swarm:
        answers = await asyncio.gather(*(swarm.ask("slow", Say(n=n), reply=Told) for n in range(6)))
        assert {answer.said for answer in answers} <= {"slow/pool.1", "slow/pool.2"}


async def test_a_pool_without_a_member_and_without_room_refuses(engine):
    async with engine(agents=1) as swarm:
        await swarm.ask("guest/1", Say(), reply=Told)
        with pytest.raises(BudgetExhausted, match="agent asked for"):
            await swarm.ask("slow", Say(), reply=Told)


async def test_a_pool_is_as_deep_as_who_asks_it(engine):
    async with engine(depth=1) as swarm:
        assert (await swarm.ask("host/1", Say(to="slow"), reply=Told)).said == "depth of swarm"


async def test_the_account_and_alerts_tell_of_live_agents():
    events = []
    async with Swarm(
        engine="local", budget=Budget(agents=2), on_event=lambda name, data: events.append((name, data))
    ) as swarm:
        swarm.add(Guest)
        for n in (1, 2):
            await swarm.ask(f"guest/{n}", Say(), reply=Told)
        assert (await swarm.request("ledger", ["position", "swarm"]))["reserved"] == {"agents": 2}
    assert [data["share"] for name, data in events if name == "budget_alert"] == [0.5, 0.8, 0.95]


async def until_none(town):
    async with asyncio.timeout(10):
        while await town.living():  # noqa: ASYNC110 - a host tells nobody
            await asyncio.sleep(0.005)


async def test_a_passivated_agent_makes_room(monkeypatch):
    monkeypatch.setattr(host, "BEAT_S", 0.005)
    async with Town(Guest, budget=Budget(agents=1), after_s=0.0) as town:
        for key in "abc":
            assert (await town.ask(f"guest/{key}", Say(), Told)).said == f"guest/{key}"
            await until_none(town)


async def test_a_lost_host_makes_room():
    async with Town(Guest, budget=Budget(agents=1)) as town:
        await town.ask("guest/a", Say(), Told)
        with pytest.raises(BudgetExhausted):
            await town.ask("guest/b", Say(), Told)
        await town.crash()
        assert (await town.ask("guest/b", Say(), Told)).said == "guest/b"


@pytest.mark.parametrize("budget", [Budget(agents=1), Budget(depth=1)], ids=["agents", "depth"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"plant": Plant(engine="local", shards=2)}, "leave out shards"),
        ({"plant": Plant(engine="local", hosts=2), "durable": False}, "with one host"),
        ({"engine": "ray", "durable": False, "clock": "lockstep"}, "with one host"),
    ],
    ids=["shards", "hosts", "lockstep on hosts"],
)
def test_where_nobody_could_count_the_ceiling_is_refused(budget, options, says):
    with pytest.raises(UsageError, match=says):
        Swarm(budget=budget, **options)
    with pytest.raises(UsageError, match=says):
        Swarm(**options).add(Guest, budget=budget)
    Swarm(budget=Budget(messages=1), **options).add(Guest, budget=Budget(seconds=1))
