"""The loop of a round in C: the same as the one in Python, to the last bit, and in the same cases."""

from __future__ import annotations

import asyncio
import threading
from typing import ClassVar

import pytest

from stigmergy.actors.volatile import delivery, digest, running, sorting
from stigmergy.protocols import Budget, Message, Text
from stigmergy.runtime import Agent, Context, State, Swarm, handles
from stigmergy.runtime.volatile import round_context
from tests.depth import depth
from tests.runtime.volatile.company import Shelf
from tests.runtime.volatile.village import life

pytestmark = pytest.mark.skipif(running.runner is None, reason="there was no compiler where this was installed")


@pytest.fixture
def in_python(monkeypatch):
    """Lets everything be done in Python."""

    def leave_out():
        for module in (delivery, digest, sorting, round_context):
            monkeypatch.setattr(module, "runner", None)

    return leave_out


@pytest.mark.parametrize("seed", range(5, 5 + depth(2, 5)))
async def test_a_village_lives_the_same_life_by_either_loop(seed, in_python):
    one, two = await life(seed, 1), await life(seed, 2)
    in_python()
    assert one == two == await life(seed, 1)


class Push(Message):
    left: int


class Tired(State):
    pushes: int = 0


class Odd(Agent):
    """Does what a plain handler rarely does, in turn."""

    state: Tired

    @handles
    def push(self, push: Push, ctx: Context) -> Push | None:
        self.state.pushes += 1
        number = int(ctx.me.key)
        others = [f"odd/{(number * 7 + left) % 50}" for left in range(2)]
        if number % 3:
            ctx.tell(to=others[0], message=Push(left=push.left - 1))
        else:
            ctx.tell(others[0], message=push)
        if not push.left:
            raise ValueError("enough")
        if self.state.pushes % 5 == 4:
            ctx.deposit("path", {ctx.me.key: 1.0})
        if self.state.pushes % 7 == 6 and ctx.attempt < 2:
            raise RuntimeError("once more")
        if number % 10 == 3:
            return self.tell_later(ctx, others[1], push)  # type: ignore[return-value]
        return push if number % 10 == 4 else None

    async def tell_later(self, ctx, other, push):
        tell = ctx.tell
        await asyncio.sleep(0)
        tell(other, Push(left=push.left - 2))


async def odd_life(**options):
    async with Swarm(durable=False, clock="lockstep", seed=2, **options) as swarm:
        swarm.add(Odd)
        await swarm.trail("path").define(evaporation=0.5)
        for number in range(50):
            await swarm.tell(f"odd/{number}", Push(left=9))
        await swarm.run(rounds=12)
        report = await swarm.report()
        smell = sorted((await swarm.trail("path").read()).items()) if swarm.stopped is None else []
        return report.digest, report.messages, report.dead_letters, report.stop_reason, smell


@pytest.mark.parametrize("budget", [None, Budget(messages=100), Budget(messages=333)])
async def test_odd_handlers_are_the_same_by_either_loop(budget, in_python):
    by_runner = await odd_life(budget=budget)
    assert by_runner[1] > 0
    in_python()
    assert await odd_life(budget=budget) == by_runner


class Shy(Agent):
    """Does not come into being each time that somebody wants it to."""

    tries: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.tries.append(len(self.tries))
        if len(self.tries) % 7:
            raise ValueError("not yet")

    @handles
    def push(self, push: Push, ctx: Context) -> None:
        if push.left:
            ctx.tell(f"shy/{push.left}", Push(left=push.left - 1))


async def shy_life():
    Shy.tries.clear()
    async with Swarm(durable=False, clock="lockstep", seed=2) as swarm:
        swarm.add(Shy)
        for number in range(20):
            await swarm.tell(f"shy/first.{number}", Push(left=3))
        await swarm.run(rounds=6)
        return (await swarm.report()).digest, len(Shy.tries)


async def test_an_agent_that_cannot_be_made_is_tried_as_often_by_either_loop(in_python):
    by_runner = await shy_life()
    in_python()
    assert await shy_life() == by_runner


class Collector(Agent):
    """Puts something into its state that cannot be copied, and tells the next one of it."""

    state: Shelf
    attempts = 1

    @handles
    def push(self, push: Push, ctx: Context) -> None:
        self.state.things.append(threading.Lock() if push.left % 2 else push.left)
        for number in range(push.left):
            ctx.tell(f"collector/{number}", Push(left=push.left - 1))


async def collected():
    async with Swarm(durable=False, clock="lockstep", seed=2) as swarm:
        swarm.add(Collector)
        await swarm.tell("collector/0", Push(left=4))
        await swarm.run(rounds=6)
        report = await swarm.report()
        return report.digest, report.dead_letters, report.messages


async def test_a_state_that_cannot_be_copied_fails_its_turn_and_no_other_by_either_loop(in_python):
    by_runner = await collected()
    assert by_runner[1]["handler failed"] > 0
    in_python()
    assert await collected() == by_runner


ODD_TEXTS = ["\ud800", "caf\udce9.txt", "a" * 100_000]


async def test_any_text_that_a_message_can_hold_gets_to_its_agent(in_python):
    async def life() -> tuple[str, int]:
        async with Swarm(durable=False, clock="lockstep", seed=2) as swarm:
            swarm.add(Reader)
            await swarm.tell("reader/1", Push(left=len(ODD_TEXTS)))
            await swarm.run(rounds=3)
            answer = await swarm.ask("reader/2", Push(left=0), reply=Push)
            return (await swarm.report()).digest, answer.left

    by_runner = await life()
    assert by_runner[1] == len(ODD_TEXTS)
    in_python()
    assert await life() == by_runner


class Reader(Agent):
    read = 0

    @handles
    def push(self, push: Push, ctx: Context) -> Push:
        for text in ODD_TEXTS[: push.left]:
            ctx.tell("reader/2", Text(text=text))
        return Push(left=self.read)

    @handles
    def text(self, text: Text) -> None:
        self.read += text.text in ODD_TEXTS


WRONG: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = (
    ((), {}),
    (("odd/1",), {}),
    (("odd/1",), {"to": "odd/2"}),
    (("odd/1",), {"massage": "a"}),
    (("odd/1", "a", "b"), {}),
)


class Clumsy(Agent):
    """Does not know how to tell somebody something."""

    @handles
    def push(self, push: Push, ctx: Context) -> Text:
        arguments, named = WRONG[push.left]
        try:
            ctx.tell(*arguments, **named)  # type: ignore[arg-type]
        except TypeError as error:
            return Text(text=str(error))
        return Text(text="well done")


async def test_a_tell_without_an_address_or_a_message_is_a_type_error():
    async with Swarm(durable=False, clock="lockstep") as swarm:
        swarm.add(Clumsy)
        for number in range(len(WRONG)):
            answer = await swarm.ask("clumsy/1", Push(left=number), reply=Text)
            assert "tell() takes an address and a message" in answer.text
