"""A turn that starts over, or whose host died: what it must do again, what it may do otherwise, what never counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel

from stigmergy.protocols import Budget, Message
from stigmergy.protocols.errors import Conflict, NonDeterministic, StepFailed, SwarmStopped, ToolFailed
from stigmergy.protocols.message import decode
from stigmergy.runtime import Agent, Context, Use, handles, tool
from stigmergy.runtime.models import ModelRequest

from .town import Town, own_model

GATE: dict[str, asyncio.Event] = {}
DONE: list[str] = []
"""What was done outside, in order."""


@pytest.fixture(autouse=True)
def _anew() -> None:
    GATE.clear()
    DONE.clear()


def gate(name: str) -> asyncio.Event:
    return GATE.setdefault(name, asyncio.Event())


async def some_turns_of_the_loop() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


def once(name: str, result: str) -> Callable[[], str]:
    """Fails when it is called first."""

    def call() -> str:
        DONE.append(name)
        if DONE.count(name) == 1:
            raise ValueError(f"{name}, the first time")
        return result

    return call


class Go(Message):
    way: str
    instead: bool = False
    crashes: bool = False


class Way(Message):
    text: str


class Note(Message):
    pass


class Say(Message):
    text: str


class Echo(Agent):
    """Says it again."""

    @handles
    def say(self, say: Say) -> Way:
        return Way(text=say.text)


class Pay(BaseModel):
    usd: float


class Receipt(BaseModel):
    number: int


@tool("irreversible", timeout_s=5, marks="")
async def credit(call: Pay, _use: Use) -> Receipt:
    """Pays, some time after the turn that asked for it has failed."""
    if not call.usd:
        raise ToolFailed("nothing was paid")
    DONE.append("credit")
    gate("paying").set()
    await asyncio.sleep(0.05)
    return Receipt(number=DONE.count("credit"))


@tool("read")
async def rate(call: Pay, _use: Use) -> Receipt:
    """Looks something up."""
    return Receipt(number=int(call.usd))


@tool("idempotent")
async def book(call: Pay, _use: Use) -> Receipt:
    """Writes it down, and may fail then."""
    if call.usd < 0:
        raise ToolFailed("nothing was written")
    return Receipt(number=int(1 / call.usd))


class Walker(Agent):
    """Takes the way that it is told."""

    tools = (credit, rate, book)
    attempts = 6

    @handles
    def note(self, note: Note) -> None:
        """Nothing: its turn is on its way to its commit when the next one begins."""

    @handles
    async def walk(self, go: Go, ctx: Context) -> Way:
        return Way(text=str(await getattr(self, go.way)(ctx)))

    async def two_models(self, ctx: Context) -> str:
        one, two = await asyncio.gather(ctx.model("m", "first"), ctx.model("m", "second"))
        return one.text + two.text

    async def tool_beside_a_failure(self, ctx: Context) -> str:
        async def fails() -> str:
            await gate("paying").wait()
            return once("rate", "fine")()

        paid, _ = await asyncio.gather(ctx.tool(credit, Pay(usd=1)), ctx.run("rate", fails))
        return f"receipt {paid.number}"

    async def step_left_behind(self, ctx: Context) -> str:
        attempt = ctx.attempt

        async def slow() -> str:
            if attempt == 1:
                await gate("second attempt").wait()
            return f"value of attempt {attempt}"

        used, _ = await asyncio.gather(ctx.run("slow", slow), ctx.run("flaky", on_the_loop(once("flaky", "fine"))))
        if attempt == 2:
            gate("second attempt").set()
            await some_turns_of_the_loop()
            await self.there()
        return str(used)

    async def there(self) -> None:
        gate("there").set()
        await gate("never").wait()

    async def fallback(self, ctx: Context) -> str:
        try:
            found = await ctx.run("primary", once("primary", "primary"))
        except StepFailed:
            found = await ctx.run("backup", lambda: "backup")
        await ctx.run("end", once("end", "ok"))
        return str(found)

    async def look_first(self, ctx: Context) -> str:
        try:
            found = await ctx.run("primary", once("primary", "primary"))
        except StepFailed:
            await ctx.tool(rate, Pay(usd=1))
            await ctx.model("m", "what now?")
            raise
        fact = await ctx.facts.get("result")
        await ctx.facts.put("result", found)
        return f"{fact or 'nothing'}, {found}"

    async def nothing_then(self, ctx: Context) -> str:
        try:
            await ctx.run("primary", once("primary", "primary"))
        except StepFailed:
            await ctx.claims("none").take()
            with suppress(Conflict):
                await ctx.facts.put("gold", "mine", expect=0)
            with suppress(ToolFailed):
                await ctx.tool(credit, Pay(usd=0))
            with suppress(StepFailed):
                await ctx.run("last", once("last", "ok"))
            await ctx.run("sealed", lambda: "ok")
            raise
        for number in range(3):
            await ctx.run(f"number-{number}", lambda: "ok")
        return str(number + 1)

    async def does(self, ctx: Context, act: Callable[[Context], Awaitable[Any]]) -> str:
        """Does something after a step that failed, or does not."""
        go = decode(Go, ctx.envelope.body)
        if go.crashes and ctx.attempt == 2:
            await self.there()
        try:
            await ctx.run("primary", once("primary", "primary"))
        except StepFailed:
            await ctx.run("sorry", lambda: "ok")
            await act(ctx)
            raise
        if go.instead:
            await ctx.run("instead", lambda: "ok")
            await act(ctx)
        return "primary"

    async def goes_on(self, ctx: Context) -> str:
        with suppress(StepFailed):
            await ctx.run("primary", once("primary", "primary"))
            with suppress(Exception):
                await ctx.run("instead", lambda: "ok")
        with suppress(NonDeterministic):
            await ctx.tool(credit, Pay(usd=1))
        return str(await ctx.run("end", once("end", "ok")))

    async def hears_nothing(self, ctx: Context) -> str:
        try:
            await ctx.run("primary", once("primary", "primary"))
        except StepFailed:
            await ctx.tool(credit, Pay(usd=1))
            raise
        with suppress(Exception):
            await ctx.run("instead", lambda: "ok")
        return "done"

    async def booking_that_did_nothing(self, ctx: Context) -> str:
        return await self.does(ctx, lambda ctx: ctx.tool(book, Pay(usd=-1)))

    async def put_refused(self, ctx: Context) -> str:
        return await self.does(ctx, lambda ctx: ctx.facts.put("gold", "mine", expect=0))

    async def commit_refused(self, ctx: Context) -> str:
        try:
            await ctx.run("primary", once("primary", "primary"))
        except StepFailed:
            await ctx.facts.put("gave-up", "yes")
            ctx.deposit("nowhere", {"a": 1.0})
        return "done"

    async def put(self, ctx: Context) -> str:
        return await self.does(ctx, lambda ctx: ctx.facts.put("gave-up", "yes"))

    async def deposit(self, ctx: Context) -> str:
        return await self.does(ctx, lambda ctx: ctx.trail("path").deposit({"a": 1.0}))

    async def take(self, ctx: Context) -> str:
        return await self.does(ctx, lambda ctx: ctx.claims("queue").take())

    async def question(self, ctx: Context) -> str:
        return await self.does(ctx, lambda ctx: ctx.ask("echo", Say(text="?"), reply=Way))

    async def payment(self, ctx: Context) -> str:
        return await self.does(ctx, lambda ctx: ctx.tool(credit, Pay(usd=1)))

    async def booking(self, ctx: Context) -> str:
        return await self.does(ctx, lambda ctx: ctx.tool(book, Pay(usd=1)))

    async def booking_in_doubt(self, ctx: Context) -> str:
        async def fails(ctx: Context) -> None:
            with suppress(StepFailed):
                await ctx.tool(book, Pay(usd=0))
            await ctx.run("sealed", lambda: "ok")

        return await self.does(ctx, fails)

    async def put_given_up(self, ctx: Context) -> str:
        async def given_up(ctx: Context) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(0):
                    await ctx.facts.put("gave-up", "yes")
            await ctx.run("sealed", lambda: "ok")

        return await self.does(ctx, given_up)

    async def same_fact(self, ctx: Context) -> str:
        version = await ctx.facts.put("result", "x")
        await ctx.run("end", once("end", "ok"))
        return f"version {version}"

    async def other_beginning(self, ctx: Context) -> str:
        await ctx.run(f"begins-{len(DONE)}", lambda: "ok")
        try:
            return str(await ctx.run("end", once("end", "ok")))
        except StepFailed:
            await ctx.run("told", lambda: "ok")
            raise

    async def another_question(self, ctx: Context) -> str:
        said = await ctx.ask("echo", Say(text=f"attempt {ctx.attempt}"), reply=Way)
        await ctx.run("end", once("end", "ok"))
        return said.text

    async def marked_question(self, ctx: Context) -> str:
        if ctx.attempt > 1:
            ctx.mark("web")
        said = await ctx.ask("echo", Say(text="the same"), reply=Way)
        await ctx.run("end", once("end", "ok"))
        return said.text

    async def another_look(self, ctx: Context) -> str:
        fact = await ctx.facts.get(f"fact-{ctx.attempt}")
        await ctx.run("seen", lambda: "ok")
        await ctx.run("end", once("end", "ok"))
        return str(fact)

    async def another_search(self, ctx: Context) -> str:
        found = await ctx.find(tag=f"tag-{ctx.attempt}")
        await ctx.run("seen", lambda: "ok")
        await ctx.run("end", once("end", "ok"))
        return str(found)

    async def look_by_what_is_known(self, ctx: Context) -> str:
        try:
            name = await ctx.run("name", once("name", "gold"))
        except StepFailed:
            name = "silver"
        fact = await ctx.facts.get(name)
        await ctx.run("seen", lambda: "ok")
        await ctx.run("end", once("end", "ok"))
        return "nothing" if fact is None else str(fact.value)

    async def order(self, ctx: Context) -> str:
        return await self.order_by(ctx, lambda: "at 5", crashes_in=2)

    async def order_that_fails_first(self, ctx: Context) -> str:
        return await self.order_by(ctx, once("order", "at 5"), crashes_in=3)

    async def order_by(self, ctx: Context, with_price: Callable[[], str], crashes_in: int) -> str:
        try:
            await ctx.run("price", once("price", "5"))
        except StepFailed:
            order = await ctx.run("order", lambda: "without a price")
        else:
            order = await ctx.run("order-with-price", with_price)
        if ctx.attempt == crashes_in:
            await self.there()
        receipt = await ctx.run("receipt", lambda: f"order {order}")
        await ctx.run("end", once("end", "ok"))
        return str(receipt)

    async def two_at_once(self, ctx: Context) -> str:
        attempt, second = ctx.attempt, gate("second recorded")
        try:
            await ctx.run("price", once("price", "5"))
        except StepFailed:
            for number in (1, 2):
                await ctx.run(f"fallback-{number}", lambda: "ok")
            raise

        async def first() -> str:
            DONE.append("first")
            await second.wait()
            return "first"

        async def last() -> str:
            DONE.append("second")
            return "second"

        async def then() -> str:
            found = await ctx.run("second", last)
            second.set()
            return str(found)

        found = await asyncio.gather(ctx.run("first", first), then())
        if attempt == 2:
            await self.there()
        return " ".join(map(str, found))

    async def nothing_to_take(self, ctx: Context) -> str:
        claim = await ctx.claims("queue").take()
        said = await ctx.run("idle" if claim is None else "work", lambda: "ok")
        if ctx.attempt == 1:
            await self.there()
        return f"{said}, {'idle' if claim is None else 'works'}"

    async def too_late(self, ctx: Context) -> str:
        try:
            await ctx.facts.put("leader", str(ctx.me), expect=0)
            role = "leads"
        except Conflict:
            role = "serves"
        await ctx.run(role, lambda: "ok")
        if ctx.attempt == 1:
            await self.there()
        return role


def on_the_loop(call: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    async def called() -> str:
        return call()

    return called


def brain(request: ModelRequest) -> str:
    DONE.append("model")
    return "."


MODEL = own_model(brain)


async def walked(way: str, *, instead: bool = False, crashes: bool = False) -> str:
    async with Town(Walker, Echo, models={"m": MODEL}) as town:
        for name in ("gold", "silver"):
            await town.facts.put(name, name)
        await town.trail("path").define()
        await town.claims("queue").offer("item")
        answer = town.begin("walker/1", Go(way=way, instead=instead, crashes=crashes), Way)
        if crashes:
            async with asyncio.timeout(10):
                await gate("there").wait()
            await town.crash()
        return str((await answer).text)


async def test_two_model_calls_at_once_are_reserved_each_though_the_turn_before_has_not_committed():
    async with Town(Walker, budget=Budget(model_calls=1), models={"m": MODEL}) as town:
        before = [asyncio.create_task(town.tell("walker/1", Note())) for _ in range(3)]
        answer = town.begin("walker/1", Go(way="two_models"), Way)
        with pytest.raises(SwarmStopped, match="1 model_call asked for, 0 left of 1"):
            await answer
        await asyncio.gather(*before)
    assert len(DONE) == 1


async def test_a_tool_that_a_failed_turn_has_left_at_work_comes_to_its_recorded_end_first():
    async with Town(Walker) as town:
        answer = await town.ask("walker/1", Go(way="tool_beside_a_failure"), Way)
        assert answer.text == "receipt 1"
        assert await town.cases() == []
    assert DONE.count("credit") == 1


async def test_a_step_that_a_failed_attempt_has_left_behind_is_not_recorded_in_the_next_one():
    async with Town(Walker) as town:
        answer = town.begin("walker/1", Go(way="step_left_behind"), Way)
        async with asyncio.timeout(10):
            await gate("there").wait()
        await town.crash()
        assert (await answer).text == "value of attempt 2"


@pytest.mark.parametrize(
    ("way", "comes_to"),
    [("fallback", "primary"), ("same_fact", "version 1"), ("look_first", "nothing, primary"), ("nothing_then", "3")],
)
async def test_behind_a_step_that_failed_a_turn_may_go_another_way_and_what_it_does_again_it_does_once(way, comes_to):
    assert await walked(way) == comes_to


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("instead", [False, True])
@pytest.mark.parametrize(
    ("what", "step"),
    [
        ("put", "act:facts.put"),
        ("put_given_up", "act:facts.put"),
        ("deposit", "act:trails.deposit"),
        ("take", "act:claims.take"),
        ("question", "ask:echo:Say@1"),
        ("payment", "tool:credit"),
        ("booking", "tool:book"),
        ("booking_in_doubt", "tool:book"),
    ],
)
async def test_what_a_turn_has_done_outside_it_leaves_behind_on_no_other_way(what, step, instead, crashes):
    said = "was .* and is now 'run:instead'; but .*" if instead else "has come to its end; but .*"
    with pytest.raises(NonDeterministic, match=f"{said}step 2, '{step}:.* counts"):
        await walked(what, instead=instead, crashes=crashes)
    assert DONE.count("credit") == (what == "payment")


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("what", ["booking_that_did_nothing", "put_refused"])
async def test_what_was_refused_or_says_that_it_did_nothing_may_be_left_behind(what, crashes):
    assert await walked(what, crashes=crashes) == "primary"


async def test_what_a_turn_has_done_counts_too_when_it_is_its_commit_that_is_refused():
    with pytest.raises(NonDeterministic, match="has come to its end; but .*step 1, 'act:facts.put:"):
        await walked("commit_refused")


@pytest.mark.parametrize("way", ["goes_on", "hears_nothing"])
async def test_a_handler_that_goes_on_though_it_was_told_that_it_has_left_its_road_comes_no_further(way):
    with pytest.raises(NonDeterministic, match="step 1, 'tool:credit:.* counts"):
        await walked(way)
    assert DONE.count("credit") == 1


async def test_before_the_step_that_failed_a_turn_must_go_the_same_way():
    with pytest.raises(NonDeterministic, match="was 'run:begins-0' and is now 'run:begins-1'"):
        await walked("other_beginning")


@pytest.mark.parametrize(
    ("way", "step"),
    [
        ("another_question", "ask:echo:Say@1"),
        ("marked_question", "ask:echo:Say@1"),
        ("another_look", "facts.get"),
        ("another_search", "find"),
    ],
)
async def test_another_question_at_the_same_place_is_not_given_the_answer_to_the_first(way, step):
    with pytest.raises(NonDeterministic, match=f"step 0 .* was '{step}:.* and is now '{step}:"):
        await walked(way)


async def test_behind_a_step_that_failed_a_turn_may_look_at_something_else_and_sees_that():
    assert await walked("look_by_what_is_known") == "gold"


@pytest.mark.parametrize(("way", "comes_to"), [("nothing_to_take", "ok, idle"), ("too_late", "serves")])
async def test_a_replay_hears_that_there_was_nothing_or_somebody_was_first_though_it_is_otherwise_now(way, comes_to):
    async with Town(Walker) as town:
        await town.facts.put("leader", "somebody")
        answer = town.begin("walker/1", Go(way=way), Way)
        async with asyncio.timeout(10):
            await gate("there").wait()
        await town.claims("queue").offer("item")
        await town.facts.delete("leader")
        await town.crash()
        assert (await answer).text == comes_to
        assert (await town.look("claims.depth", {"queue": "queue"}))[0] == 1


@pytest.mark.parametrize("way", ["order", "order_that_fails_first"])
async def test_what_lay_behind_the_place_where_a_turn_left_its_road_is_gone_after_a_crash_too(way):
    assert await walked(way, crashes=True) == "order at 5"


async def test_of_two_steps_at_once_on_another_road_neither_is_done_again_after_a_crash():
    assert await walked("two_at_once", crashes=True) == "first second"
    assert (DONE.count("first"), DONE.count("second")) == (1, 1)
