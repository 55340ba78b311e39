"""A village: agents of every sort, whose days depend on all that must not depend on where they live."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

from stigmergy.protocols import Message, StigmergyError
from stigmergy.runtime import Agent, Context, Plant, State, Swarm, handles

PEOPLE = 12


class Rumour(Message):
    left: int
    text: str = ""


class Errand(Message):
    left: int


class Need(Message):
    """Something that a pool does."""

    n: int
    slow: bool = False


class Question(Message):
    n: int
    patience: float = 20


class Answer(Message):
    n: int
    text: str = ""


class Season(Message):
    """Follow something, or follow it no more."""

    topic: str
    follows: bool = True


class News(Message):
    left: int


class Memory(State):
    heard: int = 0
    lines: list[str] = []


def somebody(ctx, kind):
    return (
        f"{kind}/{ctx.random.randrange(PEOPLE)}" if kind != "farmer" else f"farmer/{1000 + ctx.random.randrange(999)}"
    )


class Villager(Agent):
    """Talks, at once; now and then it thinks better of it."""

    state: Memory

    @handles
    def hear(self, rumour: Rumour, ctx: Context) -> None:
        self.state.heard += 1
        self.state.lines = [*self.state.lines[-3:], f"{ctx.now:g} {ctx.sender}"]
        if not rumour.left:
            return
        for _ in range(ctx.random.choice((1, 1, 2))):
            ctx.tell(somebody(ctx, ctx.random.choice(("villager", "farmer", "elder"))), Rumour(left=rumour.left - 1))
        choice = ctx.random.random()
        if choice < 0.1:
            ctx.post("village.square", News(left=rumour.left - 1))
        elif choice < 0.2:
            ctx.tell("helper", Need(n=rumour.left, slow=choice < 0.15))
        elif choice < 0.3 and ctx.attempt < 3:
            raise ValueError("not like this")
        elif choice < 0.4:
            ctx.deposit("path", {ctx.me.key: 1.0, "all": 0.5})
        elif choice < 0.43:
            raise RuntimeError("never")

    @handles
    def read(self, news: News, ctx: Context) -> None:
        self.state.heard += 100
        if news.left:
            ctx.tell(somebody(ctx, "farmer"), Rumour(left=news.left - 1, text=",".join(self.state.lines)))

    @handles
    def ask(self, question: Question, ctx: Context) -> Answer:
        if str(ctx.sender).startswith("client/"):
            ctx.tell(ctx.sender, News(left=question.n))
        return Answer(n=self.state.heard, text=f"{self.state.lines[-1:]} {question.n} {ctx.sender}")


class Farmer(Villager):
    """The same with a long number for a name."""


class Elder(Agent):
    """Takes its time, asks others, and writes on the board."""

    state: Memory

    @handles
    async def hear(self, rumour: Rumour, ctx: Context) -> None:
        await asyncio.sleep(0)
        self.state.heard += 1
        if not rumour.left:
            return
        asks = [ctx.ask(somebody(ctx, kind), Question(n=rumour.left), reply=Answer) for kind in ("villager", "farmer")]
        answers = await asyncio.gather(*asks)
        self.state.heard += sum(answer.n for answer in answers) % 7
        fact = await ctx.facts.get("chief")
        try:
            version = await ctx.facts.put("chief", str(ctx.me), expect=0 if fact is None else fact.version)
        except StigmergyError:
            version = -1
        smell = await ctx.trail("path").strongest(3)
        ctx.tell(somebody(ctx, "villager"), Rumour(left=rumour.left - 1, text=f"{version} {smell} {fact}"))

    @handles
    async def live(self, season: Season, ctx: Context) -> None:
        await (ctx.follow if season.follows else ctx.unfollow)(season.topic)

    @handles
    async def read(self, news: News, ctx: Context) -> None:
        if news.left:
            ctx.tell("helper", Need(n=news.left, slow=True))


class Helper(Agent):
    """One of three who do what is needed."""

    pool = 3
    done = 0

    @handles
    async def help(self, need: Need, ctx: Context) -> None:
        self.done += 1
        if need.slow:
            answer = await ctx.ask(somebody(ctx, "villager"), Question(n=need.n), reply=Answer)
            await ctx.claims("work").offer(f"{need.n}-{answer.n}")
        else:
            claim = await ctx.claims("work").take(lease_s=3)
            if claim is not None and need.n % 2:
                await ctx.claims("work").complete(claim)
        ctx.tell(somebody(ctx, "farmer"), Rumour(left=need.n // 2, text=f"{ctx.me} {self.done}"))


class Sleeper(Agent):
    """Asks somebody who will never answer, and gives up in time."""

    @handles
    async def wait(self, question: Question, ctx: Context) -> Answer:
        try:
            await ctx.ask("sleeper/deaf", Errand(left=1), timeout_s=question.patience)
        except StigmergyError as error:
            return Answer(n=int(ctx.now), text=type(error).__name__)
        return Answer(n=-1)

    @handles
    async def sleep(self, _: Errand, ctx: Context) -> None:
        await ctx.ask(ctx.me, Question(n=0), timeout_s=1_000)


class Couple(Agent):
    """Takes others while it waits."""

    reentrant = True
    open = 0
    trace = ""

    @handles
    async def ask(self, question: Question, ctx: Context) -> Answer:
        self.open += 1
        self.trace += f"+{question.n}"
        if str(ctx.sender).startswith("client/"):
            for _ in range(3):
                ctx.tell(ctx.sender, News(left=question.n))
        for _ in range(question.n % 3):
            await asyncio.sleep(0)
            self.trace += f".{question.n}"
        if question.n > 1:
            await ctx.ask(f"couple/{question.n % 2}", Question(n=question.n - 1), reply=Answer)
        self.open -= 1
        self.trace += f"-{question.n}"
        return Answer(n=self.open, text=self.trace)


class Omen(Message):
    """Whose file it names is dead already, or will be."""

    file: str


class Martyr(Agent):
    """Takes its process along, once."""

    @handles
    def die(self, omen: Omen, ctx: Context) -> None:
        ctx.tell("farmer/1001", Rumour(left=5, text="a martyr"))
        if not Path(omen.file).exists():
            Path(omen.file).touch()
            os.kill(os.getpid(), signal.SIGKILL)


KINDS = (Villager, Farmer, Elder, Helper, Sleeper, Couple, Martyr)


async def _day(swarm, luck):
    """One thing that a driver does. Returns what it saw."""
    choice = luck.randrange(9)
    if choice < 3:
        for _ in range(luck.randrange(1, 6)):
            kind = luck.choice(("villager", "farmer", "elder"))
            number = luck.randrange(PEOPLE) + 1_000 * (kind == "farmer")
            await swarm.tell(f"{kind}/{number}", Rumour(left=luck.randrange(9)))
        return "told"
    if choice == 3:
        await swarm.post("village.square", News(left=luck.randrange(4)))
        return "posted"
    if choice == 4:
        season = Season(topic=luck.choice(("village.*", "village.square")), follows=luck.random() < 0.7)
        await swarm.tell(f"elder/{luck.randrange(PEOPLE)}", season)
        return "season"
    if choice == 5:
        return await swarm.ask("couple/1", Question(n=luck.randrange(8)), reply=Answer, timeout_s=100)
    if choice == 6:
        patience = luck.choice((1, 2.5, 40))
        return await swarm.ask(f"sleeper/{luck.randrange(3)}", Question(n=1, patience=patience), reply=Answer)
    if choice == 7:
        return await swarm.ask(f"villager/{luck.randrange(PEOPLE)}", Question(n=5), reply=Answer)
    return await swarm.run(rounds=luck.randrange(12))


async def life(seed, hosts, *, days=12, engine="local", omen=None, on_event=None):
    """A life of the village, as drivers see it: the same for the same seed, wherever it is lived.

    ``omen`` is a file for a martyr, who dies in the middle if it is not there.
    """
    luck = random.Random(seed)
    saw = []
    plant = Plant(engine=engine, hosts=hosts)
    async with Swarm(plant=plant, durable=False, clock="lockstep", seed=seed, on_event=on_event) as swarm:
        for kind in KINDS:
            swarm.add(kind)
        await swarm.trail("path").define(evaporation=0.25)
        for day in range(days):
            try:
                if omen is not None and day == days // 2:
                    await swarm.tell("martyr/1", Omen(file=str(omen)))
                saw.append(await _day(swarm, luck))
            except StigmergyError as error:
                saw.append(str(error))
        saw.append(await swarm.run(rounds=200))
        report = await swarm.report()
        saw.append(sorted((await swarm.trail("path").read()).items()))
        saw.append(await swarm.facts.get("chief"))
        return [*saw, report.digest, report.messages, report.dead_letters]
