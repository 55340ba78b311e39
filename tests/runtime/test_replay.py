"""A turn whose host died takes the same road again, failures included."""

from __future__ import annotations

import asyncio

from stigmergy.protocols import Message
from stigmergy.protocols.errors import NoSuchAgent, StepFailed
from stigmergy.runtime import Agent, Context, handles

from .town import Town

GATE: dict[str, asyncio.Event] = {}


class Go(Message):
    way: str


class Way(Message):
    steps: list[str]


class Walker(Agent):
    """Notes the road that it takes, waits at its end once, and is then killed there."""

    @handles
    async def walk(self, go: Go, ctx: Context) -> Way:
        steps = [await getattr(self, go.way)(ctx)]
        steps.append(await ctx.run("beside", lambda: "beside"))
        if ctx.attempt == 1:
            GATE["there"].set()
            await GATE["never"].wait()
        return Way(steps=steps)

    async def raised(self, ctx: Context) -> str:
        def flaky() -> str:
            if ctx.attempt == 1:
                raise ValueError("the first time")
            return "went well"

        try:
            return str(await ctx.run("flaky", flaky))
        except StepFailed as why:
            return str(why)

    async def finished(self, ctx: Context) -> str:
        claims = ctx.claims("q")
        claim = await claims.take()
        assert claim is not None
        ctx.write("finished/" + claim.item, True)
        await claims.complete(claim)
        return claim.item

    async def gave_up(self, ctx: Context) -> str:
        async def slow() -> str:
            await asyncio.sleep(60 if ctx.attempt == 1 else 0)
            return "done"

        try:
            return str(await asyncio.wait_for(ctx.run("slow", slow), 0.05))
        except TimeoutError:
            return "gave up"


async def walked(way: str) -> list[str]:
    GATE.update(there=asyncio.Event(), never=asyncio.Event())
    async with Town(Walker) as town:
        answer = town.begin("walker/one", Go(way=way), Way)
        await asyncio.wait_for(GATE["there"].wait(), 5)
        await town.crash()
        return list((await answer).steps)


async def test_what_raised_raises_again_and_alike():
    assert await walked("raised") == ["step 'run:flaky' failed: ValueError: the first time", "beside"]


async def test_a_wait_that_was_given_up_is_given_up_again():
    assert await walked("gave_up") == ["gave up", "beside"]


class Asker(Agent):
    """Asks somebody who is not there yet."""

    @handles
    async def walk(self, go: Go, ctx: Context) -> Way:
        try:
            await ctx.ask(go.way, go, reply=Way)
            steps = ["answered"]
        except NoSuchAgent as why:
            steps = [str(why)[:14]]
        await ctx.run("beside", lambda: "beside")
        if ctx.attempt == 1:
            GATE["there"].set()
            await GATE["never"].wait()
        return Way(steps=steps)


class Late(Agent):
    """Comes later."""

    @handles
    def walk(self, go: Go, ctx: Context) -> Way:
        return Way(steps=["late"])


async def test_an_ask_that_was_refused_is_refused_again_though_it_would_be_answered_now():
    GATE.update(there=asyncio.Event(), never=asyncio.Event())
    async with Town(Asker) as town:
        answer = town.begin("asker/one", Go(way="late"), Way)
        await asyncio.wait_for(GATE["there"].wait(), 5)
        town.roster.add(Late, {}, None, {})
        await town.request("kind", town.roster.kinds["late"].to_plain())
        await town.crash()
        assert (await answer).steps == ["no kind 'late'"]


async def test_a_turn_that_starts_over_forgets_what_failed():
    async with Town(Retrier) as town:
        assert (await town.ask("retrier/one", Go(way=""), Way)).steps == ["went well"]


class Retrier(Agent):
    """Lets a failure through once."""

    @handles
    async def walk(self, go: Go, ctx: Context) -> Way:
        def flaky() -> str:
            if ctx.attempt == 1:
                raise ValueError("the first time")
            return "went well"

        try:
            steps = [await ctx.run("flaky", flaky)]
        except StepFailed:
            await ctx.run("beside", lambda: "beside")
            raise
        return Way(steps=steps)


class Hesitant(Agent):
    """Asks at once, and when its turn begins anew only when it is let."""

    @handles
    async def walk(self, go: Go, ctx: Context) -> Way:
        if ctx.attempt > 1:
            await GATE["let"].wait()
        return Way(steps=[*(await ctx.ask("counted/one", go, reply=Way)).steps, f"attempt {ctx.attempt}"])


class Counted(Agent):
    """Is killed with the first question, answers the second, and counts what it answered."""

    answered = 0

    @handles
    async def walk(self, _: Go, ctx: Context) -> Way:
        if ctx.attempt == 1:
            GATE["there"].set()
            await GATE["never"].wait()
        self.answered += 1
        return Way(steps=[f"answer {self.answered}"])


async def test_an_answer_that_comes_before_its_turn_has_asked_anew_is_not_lost():
    GATE.update(there=asyncio.Event(), never=asyncio.Event(), let=asyncio.Event())
    async with Town(Hesitant, Counted) as town, asyncio.timeout(20):
        answer = town.begin("hesitant/one", Go(way=""), Way)
        await GATE["there"].wait()
        await town.crash()
        while (await town.request("counts", None))["waiting"] > 1:
            pass  # each look lets the others go on
        GATE["let"].set()
        assert (await answer).steps == ["answer 1", "attempt 2"]


async def test_a_turn_that_runs_again_after_it_finished_an_item_has_that_item_and_no_other():
    GATE.update(there=asyncio.Event(), never=asyncio.Event())
    async with Town(Walker) as town:
        for item in "AB":
            await town.act("claims.offer", {"queue": "q", "item": item, "payload": b""})
        walk = town.begin("walker/1", Go(way="finished"), Way)
        await GATE["there"].wait()
        await town.crash()
        assert (await walk).steps == ["A", "beside"]
        assert await town.request("look", ["claims.depth", {"queue": "q"}]) == [1, 0, 0, 1]
        assert await town.request("look", ["facts.keys", {}]) == ["finished/A"]
