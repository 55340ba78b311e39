"""Agents for tests of the swarm: each does one thing that a test needs to see."""

from __future__ import annotations

import asyncio
import os

from stigmergy.protocols import Message, Skill
from stigmergy.runtime import Agent, Context, State, handles


class Say(Message):
    text: str
    n: int = 0


class Heard(Message):
    text: str
    n: int = 0


class Unknown(Message):
    """Nobody handles it."""


class Memory(State):
    seen: list[str] = []
    total: int = 0


class Echo(Agent):
    """Says it back, and counts."""

    skills = [Skill(id="echo", description="Says it back", tags=["test"])]
    state: Memory

    @handles
    def say(self, said: Say, ctx: Context) -> Heard:
        self.state.total += 1
        return Heard(text=f"{said.text}!", n=self.state.total)


class Diary(Agent):
    """Remembers what it was told, in order."""

    state: Memory

    @handles
    def say(self, said: Say, ctx: Context) -> None:
        self.state.seen = [*self.state.seen, said.text]

    @handles
    def recall(self, _: Heard, ctx: Context) -> Heard:
        return Heard(text=",".join(self.state.seen), n=len(self.state.seen))


class Relay(Agent):
    """Asks somebody else."""

    pool = 16

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        return await ctx.ask(said.text, Say(text="relayed"), reply=Heard, timeout_s=5)


class Courier(Agent):
    """Passes on to a diary what it is told, and writes down that it did."""

    @handles
    def say(self, said: Say, ctx: Context) -> None:
        ctx.tell(f"diary/{said.n}", Say(text=said.text))
        ctx.write(f"passed.{said.text}", said.n)


class Fickle(Agent):
    """Fails until the n-th attempt."""

    state: Memory

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        self.state.total += 1
        ctx.tell("diary/log", Say(text=f"attempt {ctx.attempt}"))
        if ctx.attempt < said.n:
            raise RuntimeError(f"attempt {ctx.attempt} of {said.n}")
        return Heard(text=f"attempt {ctx.attempt}", n=self.state.total)


class Payer(Agent):
    """Does something outside, once."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        count = await ctx.run("pay", lambda: _append(said.text))
        if ctx.attempt < said.n:
            raise RuntimeError("after the payment")
        return Heard(text="paid", n=count)


class Slow(Agent):
    """Waits for a fact that never comes."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        await asyncio.Event().wait()
        return Heard(text="never")


class Follower(Agent):
    """Follows a topic and keeps what it saw."""

    state: Memory

    @handles
    async def start(self, said: Say, ctx: Context) -> Heard:
        if said.n == 0:
            await ctx.follow(said.text)
        else:
            self.state.seen = [*self.state.seen, said.text]
        return Heard(text=",".join(self.state.seen), n=len(self.state.seen))


class Writer(Agent):
    """Writes to the blackboard."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        known = await ctx.facts.get(said.text)
        version = await ctx.facts.put(said.text, said.n, expect=known.version if known else 0)
        await ctx.trail("paths").define(baseline=1.0)
        ctx.deposit("paths", {said.text: 2.0})
        ctx.write(f"{said.text}.late", said.n)
        ctx.post("news", Say(text=said.text, n=1))
        return Heard(text=said.text, n=version)


class Killer(Agent):
    """Ends its process."""

    @handles
    def say(self, said: Say, ctx: Context) -> Heard:
        if said.text == "die" or (said.text == "die once" and ctx.attempt == 1):
            os._exit(1)
        return Heard(text=f"alive at attempt {ctx.attempt}", n=os.getpid())


class Alone(Agent):
    """Wants a process of its own."""

    pool = 2

    @handles
    def say(self, said: Say, ctx: Context) -> Heard:
        return Heard(text=str(ctx.me), n=os.getpid())


class Broken(Agent):
    """Cannot start."""

    async def on_start(self) -> None:
        raise RuntimeError("no start")

    @handles
    def say(self, said: Say, ctx: Context) -> Heard:
        return Heard(text="?")


class Wandering(Agent):
    """Asks for another step on its second attempt."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        await ctx.run(f"step-{ctx.attempt}", lambda: 1)
        raise RuntimeError("again")


class Ring(Agent):
    """Asks the next one, who asks it back."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        return await ctx.ask("ring/b" if ctx.me.key == "a" else "ring/a", said, reply=Heard, timeout_s=20)


class Liar(Agent):
    """Answers with another type than it was asked for."""

    @handles
    def say(self, said: Say, ctx: Context) -> Say:
        return Say(text="not what you asked for")


def _append(path: str) -> int:
    with open(path, "a", encoding="utf-8") as file:
        file.write("paid\n")
    with open(path, encoding="utf-8") as file:
        return len(file.readlines())
