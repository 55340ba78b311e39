"""Our agents: the same work as `bench.peers.autogen_agents`, written as our users write agents."""

from __future__ import annotations

import asyncio
import os
import time

from bench.load import HOPS, POSTS_A_TURN, PRESSES, RUNNERS, TEXT, TOPIC
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, handles

ROOMY = 1_000_000
"""A mailbox that is never full: what is measured is how fast mail moves, not how senders wait."""


class Question(Message):
    text: str
    n: int


class Answer(Message):
    text: str
    n: int


class Order(Message):
    """Do so much."""

    shape: str
    count: int
    width: int = 1
    first: int = 0
    """The first number to use: numbers, and what is named after them, are new each time."""
    targets: list[str] = []
    """Whom to ask or tell; nobody means a new agent each time."""


class Await(Message):
    """Answer when so many notes have come."""

    count: int


class Report(Message):
    count: int
    seconds: float = 0.0
    process: int = 0


class Where(Message):
    """Which process are you in?"""


class Baton(Message):
    text: str
    left: int
    """Turns that it still makes."""
    n: int
    """Tells batons apart."""


class Follow(Message):
    topic: str


class Answerer(Agent):
    """Gives back what it is asked."""

    mailbox = ROOMY

    @handles
    def answer(self, question: Question) -> Answer:
        return Answer(text=question.text, n=question.n)

    @handles
    def where(self, _: Where) -> Report:
        return Report(count=0, process=os.getpid())


class Follower(Agent):
    """Counts what is posted, and says so after the last note of a series."""

    mailbox = ROOMY
    count = 0

    @handles
    async def follow(self, wish: Follow, ctx: Context) -> None:
        await ctx.follow(wish.topic)

    @handles
    def note(self, note: Question, ctx: Context) -> None:
        self.count += 1
        if note.n < 0:
            ctx.tell("counter/all", Report(count=self.count))
            self.count = 0


class Counter(Agent):
    """Adds up what has come, and answers when it is enough."""

    mailbox = ROOMY
    reentrant = True
    count = 0

    async def on_start(self) -> None:
        self.news = asyncio.Event()

    @handles
    def add(self, report: Report) -> None:
        self.count += report.count
        self.news.set()

    @handles
    async def wait(self, wanted: Await) -> Report:
        while self.count < wanted.count:
            self.news.clear()
            await self.news.wait()
        count, self.count = self.count, 0
        return Report(count=count)


class Sink(Agent):
    """Counts what it is told, and answers when it is enough: between processes, notes may come behind the question."""

    mailbox = ROOMY
    reentrant = True
    count = 0
    wanted = 0

    async def on_start(self) -> None:
        self.enough = asyncio.Event()

    @handles
    def note(self, _: Question) -> None:
        self.count += 1
        if self.count == self.wanted:
            self.enough.set()

    @handles
    async def total(self, wanted: Await) -> Report:
        self.wanted = wanted.count
        if self.count < self.wanted:
            self.enough.clear()
            await self.enough.wait()
        count, self.count, self.wanted = self.count, 0, 0
        return Report(count=count)

    @handles
    def where(self, _: Where) -> Report:
        return Report(count=0, process=os.getpid())


class Worker(Agent):
    """Does what is measured, as one agent to another."""

    turn_timeout_s = 120.0

    @handles
    async def work(self, order: Order, ctx: Context) -> Report:
        began = time.perf_counter()
        if order.shape in ("ask", "spawn"):
            await self._ask(order, ctx)
        elif order.shape == "tell":
            for number in range(order.first, order.first + order.count):
                ctx.tell(order.targets[0], Question(text=TEXT, n=number))
        elif order.shape == "fan_out":
            for number in range(1, order.count):
                ctx.post(TOPIC, Question(text=TEXT, n=number))
            ctx.post(TOPIC, Question(text=TEXT, n=-1))
        elif order.shape == "press":
            for number in range(order.count):
                ctx.tell(f"press/{number % PRESSES}", Order(shape="post", count=1, first=order.first + number * 1_000))
        elif order.shape == "turns":
            for number in range(order.count):
                baton = Baton(text=TEXT, left=HOPS, n=order.first + number)
                ctx.tell(f"runner/{number % RUNNERS}", baton)
        else:
            for number in range(POSTS_A_TURN):
                ctx.post("bench.posts", Question(text=TEXT, n=order.first + number))
        return Report(count=order.count, seconds=time.perf_counter() - began, process=os.getpid())

    @handles
    def where(self, _: Where) -> Report:
        return Report(count=0, process=os.getpid())

    async def _ask(self, order: Order, ctx: Context) -> None:
        numbers = iter(range(order.first, order.first + order.count))
        known = order.targets

        async def one_after_another() -> None:
            for number in numbers:
                to = known[number % len(known)] if known else f"answerer/new.{number}"
                answer = await ctx.ask(to, Question(text=TEXT, n=number), reply=Answer)
                if answer.n != number:
                    raise RuntimeError(f"question {number} got answer {answer.n}")

        await asyncio.gather(*(one_after_another() for _ in range(order.width)))
