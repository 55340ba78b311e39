"""The agents of the benchmark, as autogen-core's own examples write agents: routed by type, pydantic messages.

autogen-core publishes no environment that our type checker runs in, so what it exports counts as untyped here.
"""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"
# ruff: noqa: ARG002 - a handler there must have parameters of just these names

from __future__ import annotations

import asyncio
import time
from typing import Any

from autogen_core import (
    AgentId,
    AgentRuntime,
    MessageContext,
    RoutedAgent,
    TopicId,
    TypeSubscription,
    message_handler,
    try_get_known_serializers_for_type,
)
from pydantic import BaseModel

from bench.load import ANSWERERS, FOLLOWERS, TEXT, Load, Taken

WAIT_S = 60.0


class Question(BaseModel):
    text: str
    n: int


class Answer(BaseModel):
    text: str
    n: int


class Order(BaseModel):
    """Do so much."""

    shape: str
    count: int
    width: int
    first: int


class Await(BaseModel):
    """Answer when so many notes have come."""

    count: int


class Report(BaseModel):
    count: int
    seconds: float


class Answerer(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("answers")

    @message_handler
    async def answer(self, message: Question, ctx: MessageContext) -> Answer:
        return Answer(text=message.text, n=message.n)


class Tally:
    """How many notes have come to one process, whoever of its agents got them."""

    def __init__(self) -> None:
        self.count = 0
        self._wanted = 0
        self._enough = asyncio.Event()

    def add(self) -> None:
        self.count += 1
        if self.count == self._wanted:
            self._enough.set()

    async def reach(self, count: int) -> None:
        self._wanted = count
        if self.count < count:
            self._enough.clear()
            await asyncio.wait_for(self._enough.wait(), WAIT_S)
        self.count = self._wanted = 0


class Follower(RoutedAgent):
    def __init__(self, tally: Tally) -> None:
        super().__init__("follows")
        self._tally = tally

    @message_handler
    async def note(self, message: Question, ctx: MessageContext) -> None:
        self._tally.add()


class Counter(RoutedAgent):
    def __init__(self, tally: Tally) -> None:
        super().__init__("counts")
        self._tally = tally

    @message_handler
    async def wait(self, message: Await, ctx: MessageContext) -> Report:
        await self._tally.reach(message.count)
        return Report(count=message.count, seconds=0.0)


class Worker(RoutedAgent):
    """Does what is measured, from inside the runtime, as one agent to another."""

    def __init__(self) -> None:
        super().__init__("works")

    @message_handler
    async def work(self, message: Order, ctx: MessageContext) -> Report:
        began = time.perf_counter()
        count = message.count
        if message.shape in ("ask", "spawn"):
            await self._ask(message)
        else:
            followers = FOLLOWERS if message.shape == "fan_out" else 1
            posts = -(-count // followers)
            count = posts * followers
            topic = TopicId(message.shape, "bench")
            for number in range(posts):
                await self.publish_message(Question(text=TEXT, n=number), topic)
            await self.send_message(Await(count=count), AgentId("counter", "bench"))
        return Report(count=count, seconds=time.perf_counter() - began)

    async def _ask(self, order: Order) -> None:
        numbers = iter(range(order.first, order.first + order.count))
        keys = ANSWERERS if order.shape == "ask" else order.first + order.count

        async def one_after_another() -> None:
            for number in numbers:
                answer = await self.send_message(
                    Question(text=TEXT, n=number), AgentId("answerer", f"{order.shape}{number % keys}")
                )
                if answer.n != number:
                    raise RuntimeError(f"question {number} got answer {answer.n}")

        await asyncio.gather(*(one_after_another() for _ in range(order.width)))


async def register_worker(runtime: AgentRuntime) -> None:
    await Worker.register(runtime, "worker", Worker)


async def register_others(runtime: AgentRuntime) -> None:
    """Those who answer, follow and count. A topic reaches one agent of each type that subscribes: so 100 types."""
    tally = Tally()
    await Answerer.register(runtime, "answerer", Answerer)
    await Counter.register(runtime, "counter", lambda: Counter(tally))
    for number in range(FOLLOWERS):
        name = f"follower{number}"
        await Follower.register(runtime, name, lambda: Follower(tally), skip_class_subscriptions=True)
        await runtime.add_subscription(TypeSubscription("fan_out", name))
        if number == 0:
            await runtime.add_subscription(TypeSubscription("tell", name))


def know_the_types(runtime: AgentRuntime) -> None:
    """What a worker sends or gets over a wire must be known to it; what its agents handle is already."""
    for message in (Question, Answer, Order, Await, Report):
        runtime.add_message_serializer(try_get_known_serializers_for_type(message))


class Driver:
    """Hands orders to the worker from outside."""

    def __init__(self, runtime: Any) -> None:
        self._runtime = runtime
        self._first = 0

    async def measure(self, load: Load) -> Taken:
        order = Order(shape=load.shape, count=load.operations, width=load.width, first=self._first)
        self._first += load.operations
        report = await self._runtime.send_message(order, AgentId("worker", "bench"))
        return Taken(report.count, report.seconds)
