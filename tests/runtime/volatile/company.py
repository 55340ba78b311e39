"""Agents for tests of volatile swarms."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel

from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, State, Use, handles, tool


class Ping(Message):
    n: int = 0
    to: str = ""


class Pong(Message):
    n: int = 0
    text: str = ""


class Stop(Message):
    """Says that there is nothing more to come."""


class Purse(State):
    coins: int = 0
    notes: list[int] = []


class Shelf(State):
    """Takes things that no copy can be made of, too."""

    things: list[Any] = []


class Plain(Agent):
    """Answers where it stands."""

    state: Purse

    @handles
    def ping(self, ping: Ping, ctx: Context) -> Pong:
        self.state.coins += 1
        return Pong(n=self.state.coins, text=ctx.sender)


class Patient(Agent):
    """Takes its time over every answer."""

    state: Purse

    @handles
    async def ping(self, ping: Ping, ctx: Context) -> Pong:
        before = self.state.coins
        await asyncio.sleep(0)
        self.state.coins = before + 1
        return Pong(n=self.state.coins, text=ctx.sender)


class Starter(Agent):
    """Needs a moment before its first message, and may be interrupted."""

    reentrant = True
    started = 0

    async def on_start(self) -> None:
        await asyncio.sleep(0)
        self.started += 1

    @handles
    async def ping(self, ping: Ping) -> Pong:
        await asyncio.sleep(0)
        return Pong(n=self.started)


class Asker(Agent):
    """Asks many others at once, or one after another."""

    @handles
    async def ping(self, ping: Ping, ctx: Context) -> Pong:
        asks = [ctx.ask(f"{ping.to}/{n % 3}", Ping(n=n), reply=Pong) for n in range(ping.n)]
        answers = await asyncio.gather(*asks)
        return Pong(n=sum(answer.n for answer in answers), text=answers[0].text)

    @handles
    async def again(self, _: Pong, ctx: Context) -> Pong:
        for _n in range(100):
            await ctx.ask("plain/same", Ping(n=1), reply=Pong)
        return Pong()


class Chatty(Agent):
    """Answers each message with another one, for ever."""

    @handles
    def ping(self, ping: Ping, ctx: Context) -> None:
        other = "chatty/b" if ctx.me.key == "a" else "chatty/a"
        ctx.tell(other, Ping(n=0, to=ping.to))


class Clumsy(Agent):
    """Spoils its state and sends, and only then finds out that it cannot go on."""

    state: Purse

    @handles
    def ping(self, ping: Ping, ctx: Context) -> Pong:
        self.state.coins += 1
        self.state.notes.append(ctx.attempt)
        ctx.tell("plain/one", Ping())
        if ctx.attempt <= ping.n:
            raise ValueError("clumsy")
        return Pong(n=self.state.coins, text=str(self.state.notes))


class Stillborn(Agent):
    """Cannot even be made."""

    def __init__(self) -> None:
        raise ValueError("no such luck")

    @handles
    def ping(self, ping: Ping) -> Pong:
        return Pong(n=ping.n)


class Gossip(Agent):
    """Passes on what it has not heard yet, to three others."""

    heard = False

    @handles
    def ping(self, ping: Ping, ctx: Context) -> None:
        if self.heard:
            return
        self.heard = True
        ctx.tell("tally/all", Pong())
        for _ in range(3):
            ctx.tell(f"gossip/{ctx.random.randrange(ping.n)}", ping)


class Tally(Agent):
    """Counts."""

    count = 0

    @handles
    def pong(self, _: Pong) -> None:
        self.count += 1

    @handles
    def ping(self, _: Ping) -> Pong:
        return Pong(n=self.count)


class Spender(Agent):
    """Sends many at a time."""

    @handles
    def ping(self, ping: Ping, ctx: Context) -> None:
        for n in range(ping.n):
            ctx.tell("tally/all", Pong(n=n))


class Reader(Agent):
    """Follows a topic, and tells what it read."""

    seen: list[int]

    @handles
    async def follow(self, _: Stop, ctx: Context) -> None:
        self.seen = []
        await ctx.follow("news.*")

    @handles
    def read(self, ping: Ping, ctx: Context) -> None:
        self.seen.append(ping.n)

    @handles
    def tell(self, _: Pong) -> Pong:
        return Pong(n=sum(self.seen), text=str(len(self.seen)))


class Order(BaseModel):
    what: str


@tool("irreversible")
async def buy(order: Order, use: Use) -> None:
    """Buys it."""


class Buyer(Agent):
    """Would buy something, and cannot even say so."""

    tools = [buy]

    @handles
    async def ping(self, _: Ping, ctx: Context) -> None:
        await ctx.tool(buy, Order(what="bread"))

    @handles
    def pong(self, _: Pong) -> str:
        return "no message"
