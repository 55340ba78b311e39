"""A letter of a live host in C: handled, answered and refused as in Python, in the same cases."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from stigmergy.actors.volatile import host, player, running
from stigmergy.actors.volatile.asked import Asked
from stigmergy.actors.volatile.guard import Guard, Sent
from stigmergy.actors.volatile.slot import Slot
from stigmergy.protocols import Budget, Done, HandlerFailed, Message
from stigmergy.protocols.errors import Quarantined
from stigmergy.runtime import Agent, Context, State, Swarm, handles

pytestmark = pytest.mark.skipif(running.runner is None, reason="there was no compiler where this was installed")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    """Attempts follow each other at once."""
    monkeypatch.setattr(player, "pause_s", lambda _: 0.0)


@pytest.fixture
def in_python(monkeypatch):
    """Lets everything be done in Python."""
    return lambda: monkeypatch.setattr(host, "runner", None)


class Try(Message):
    what: str
    n: int = 0


class Said(Message):
    what: str
    n: int = 0


class Sum(State):
    n: int = 0


class Odd(Agent):
    """Does what a plain handler may do, one thing for each word."""

    attempts = 2
    state: Sum
    kept: ClassVar[list[Context]] = []

    @handles
    def tried(self, wish: Try, ctx: Context) -> Said:
        self.state.n += wish.n + 1
        does: Callable[[Try, Context], Said] = getattr(self, wish.what, self.nothing)
        return does(wish, ctx)

    @handles
    def said(self, said: Said) -> None:
        self.state.n += 100

    def nothing(self, wish: Try, ctx: Context) -> Any:
        return None

    def answers(self, wish: Try, ctx: Context) -> Said:
        return Said(what=f"{ctx.me} {ctx.sender} {ctx.attempt} {ctx.envelope.mode}", n=self.state.n)

    def of_another_class(self, wish: Try, _: Context) -> Any:
        return wish

    def no_message(self, wish: Try, _: Context) -> Any:
        return wish.what

    def raises(self, _: Try, ctx: Context) -> Said:
        raise ValueError("no")

    def raises_once(self, _: Try, ctx: Context) -> Said:
        if ctx.attempt == 1:
            raise RuntimeError("not yet")
        return Said(what="at last", n=self.state.n)

    def exits(self, _: Try, ctx: Context) -> Said:
        sys.exit(3)

    def tells(self, wish: Try, ctx: Context) -> Said:
        for n in range(3):
            ctx.tell(f"odd/{n}", Said(what="told"))
        return Said(what="told", n=self.state.n)

    def tells_nobody(self, wish: Try, ctx: Context) -> Said:
        ctx.tell("nobody/1", Said(what="told"))
        return Said(what="told", n=self.state.n)

    def writes(self, wish: Try, ctx: Context) -> Said:
        ctx.deposit("path", {ctx.me.key: 1.0})
        return Said(what="written")

    def marks(self, wish: Try, ctx: Context) -> Said:
        ctx.mark("web")
        return Said(what="marked")

    def waits(self, wish: Try, ctx: Context) -> Any:
        async def later() -> Said:
            await asyncio.sleep(0)
            ctx.tell("odd/0", Said(what="told late"))
            return Said(what="late", n=self.state.n)

        return later()

    def keeps(self, wish: Try, ctx: Context) -> Said:
        self.kept.append(ctx)
        return Said(what="kept")

    def uses_what_is_kept(self, wish: Try, _: Context) -> Said:
        self.kept[0].tell("odd/0", Said(what="too late"))
        return Said(what="it went out")


class Shy(Agent):
    """Does not come into being each time."""

    tries: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.tries.append(len(self.tries))
        if len(self.tries) % 5:
            raise ValueError("not today")

    @handles
    def tried(self, wish: Try) -> Said:
        return Said(what="here")


class Slow(Agent):
    """Needs time to start, and to answer."""

    async def on_start(self) -> None:
        await asyncio.sleep(0)

    @handles
    async def tried(self, wish: Try, ctx: Context) -> Said:
        await asyncio.sleep(0)
        return (await ctx.ask("odd/1", wish, reply=Said)) if wish.n else Said(what="slow")


class Started(Agent):
    """Needs time to start, but not to answer."""

    ready = False

    async def on_start(self) -> None:
        self.ready = True

    @handles
    def tried(self, wish: Try) -> Said:
        return Said(what=f"ready: {self.ready}")


class Member(Agent):
    """One of a pool."""

    pool = 2

    @handles
    def tried(self, wish: Try, ctx: Context) -> Said:
        return Said(what=str(ctx.me))


class Asker(Agent):
    """Asks one after another, and tells what came of it."""

    @handles
    async def ask(self, asks: Asks, ctx: Context) -> Answers:
        found = []
        for to, what in asks.of:
            try:
                answer = await ctx.ask(to, Try(what=what), reply=Done if what == "nothing" else Said, timeout_s=0.3)
                found.append(f"{to} {what}: {answer!r} {ctx.taint}")
            except Exception as error:  # noqa: BLE001 - whatever it is
                found.append(f"{to} {what}: {type(error).__name__}: {error}")
        return Answers(of=found)

    @handles
    async def at_once(self, wish: Try, ctx: Context) -> Answers:
        answers = await asyncio.gather(
            *(ctx.ask(f"{wish.what}/{n % 4}", Try(what="answers", n=n), reply=Said) for n in range(wish.n))
        )
        return Answers(of=[f"{answer!r}" for answer in answers])


class Asks(Message):
    of: list[tuple[str, str]]


class Answers(Message):
    of: list[str]


WORDS = [
    name for name in vars(Odd) if name[0] != "_" and callable(getattr(Odd, name)) and name not in ("tried", "said")
]
ADDRESSES = [
    "shy/1", "shy/1", "slow/1", "slow/1", "started/1", "started/1", "member", "member", "member/x", "nobody/1",
    "nobody", "odd/", "odd/a b", "odd/..", "odd/.", "odd/" + "a" * 64, "odd/" + "a" * 65, "odd/é", "odd/a/b",
    "odd/a\x00", "/odd", "skill:odd", "asker/1",
]  # fmt: skip


async def lived(**options: Any) -> dict[str, Any]:
    """What came of a life that does all of this in turn."""
    Odd.kept.clear()
    Shy.tries.clear()
    async with Swarm(engine="local", durable=False, seed=1, **options) as swarm:
        swarm.add(Odd)
        swarm.add(Shy)
        swarm.add(Slow)
        swarm.add(Started)
        swarm.add(Member)
        swarm.add(Asker)
        await swarm.trail("path").define(evaporation=0.0)
        asks = [(f"odd/{n % 3}", word) for n, word in enumerate([*WORDS, "nothing", *WORDS])]
        found = []
        for of in (asks, [(to, "answers") for to in ADDRESSES], [("odd/7", "marks"), ("odd/8", "nothing")]):
            try:
                found += (await swarm.ask("asker/1", Asks(of=of), reply=Answers)).of
                found += (await swarm.ask("asker/1", Try(what="odd", n=40), reply=Answers)).of
                found += (await swarm.ask("asker/1", Try(what="slow", n=40), reply=Answers)).of
            except Exception as error:  # noqa: BLE001 - a budget that is used up
                found.append(f"{type(error).__name__}: {error}")
        stopped = swarm.stopped is not None
        smell = {} if stopped else dict(await swarm.trail("path").read())
        report = await swarm.report()
        return {
            "found": found,
            "smell": smell,
            "messages": report.messages,
            "dead": report.dead_letters,
            "stopped": report.stop_reason,
            "tries": len(Shy.tries),
            "kept": [repr_of_use(ctx) for ctx in Odd.kept],
        }


def repr_of_use(ctx: Context) -> str:
    """What becomes of whoever uses a context after its turn."""
    try:
        ctx.tell("odd/1", Said(what="much too late"))
    except Exception as error:  # noqa: BLE001 - whatever it is
        return f"{type(error).__name__}"
    return "it went out"


@pytest.mark.parametrize("budget", [None, Budget(messages=60), Budget(messages=150), Budget(agents=6)], ids=str)
async def test_whatever_handlers_and_askers_do_is_the_same_in_c_and_in_python(budget, in_python):
    in_c = await lived(budget=budget)
    assert len(in_c["found"]) > 1
    in_python()
    assert await lived(budget=budget) == in_c


class Parrot(Agent):
    """Says the same again and again."""

    @handles
    async def ask(self, wish: Try, ctx: Context) -> Said:
        for n in range(wish.n):
            answer = await ctx.ask("odd/1", Try(what="answers", n=0), reply=Said)
            if ctx.conversation and answer.n < 0:
                return Said(what="never", n=n)
        return Said(what="done", n=wish.n)


async def repeated(n: int) -> tuple[str, dict[str, int] | None]:
    async with Swarm(engine="local", durable=False, seed=1) as swarm:
        swarm.add(Odd)
        swarm.add(Parrot)
        try:
            said = repr(await swarm.ask("parrot/1", Try(what="", n=n), reply=Said))
        except Exception as error:  # noqa: BLE001 - it was quarantined
            said = f"{type(error).__name__}: {error}".replace(str(id(error)), "")
        return said, (await swarm.report()).dead_letters


@pytest.mark.parametrize("n", [4, 5, 300, 2_000])
async def test_a_turn_that_asks_the_same_again_and_again_is_stopped_at_the_same_question(n, in_python):
    said, dead = await repeated(n)
    in_python()
    in_python_said, in_python_dead = await repeated(n)
    assert (said.partition(" conv")[0], dead) == (in_python_said.partition(" conv")[0], in_python_dead)
    assert ("done" in said) == (n < 300)


class Gossip(Agent):
    """Asks much, in chains that grow long, and goes on when it was told to stop."""

    @handles
    async def many(self, wish: Try, ctx: Context) -> Said:
        for n in range(wish.n):
            await ctx.ask("odd/1", Try(what="answers", n=n), reply=Said)
        if wish.what:
            await ctx.ask(f"gossip/{len(wish.what)}", Try(what=wish.what[1:], n=wish.n), reply=Said)
        return Said(what="done", n=wish.n)

    @handles
    async def on(self, said: Said, ctx: Context) -> Answers:
        found = []
        for n in range(said.n):
            try:
                await ctx.ask("odd/1", Try(what="answers", n=0), reply=Said)
            except Quarantined as stopped:
                found.append(f"{n}: {stopped}")
        return Answers(of=found)


async def looked_at(question: Message, patch: pytest.MonkeyPatch) -> list[Any]:
    """What the watchdog was shown, and what came of it, when a gossip was asked that."""
    looks: list[Any] = []

    def look(self: Guard, sent: Sent, same: int, now: float) -> Any:
        looks.append((sent.to, sent.letter.sender, sent.letter.number, sent.letter.hops, same))
        return judge(self, sent, same, now)

    judge = Guard.look
    with patch.context() as here:
        here.setattr(Guard, "look", look)
        async with Swarm(engine="local", durable=False, seed=1) as swarm:
            swarm.add(Odd)
            swarm.add(Gossip)
            answer = await swarm.ask("gossip/0", question, reply=Answers if isinstance(question, Said) else Said)
            return [*looks, repr(answer), (await swarm.report()).dead_letters]


@pytest.mark.parametrize(
    "question", [Try(what="", n=1_200), Try(what="x" * 10, n=2), Said(what="", n=400)], ids=["burst", "deep", "ended"]
)
async def test_the_watchdog_is_shown_the_same_in_c_and_in_python(question, monkeypatch, in_python):
    in_c = await looked_at(question, monkeypatch)
    assert len(in_c) > 6
    in_python()
    assert await looked_at(question, monkeypatch) == in_c


class Bad(BaseException):
    """What a library in another language raises."""


class Deadly(Agent):
    @handles
    def tried(self, wish: Try) -> Said:
        raise Bad("it is")


class Pen(Agent):
    @handles
    async def tried(self, wish: Try, ctx: Context) -> Said:
        try:
            return await ctx.ask("deadly/1", wish, reply=Said)
        except HandlerFailed as failed:
            return Said(what=str(failed).partition(" in ")[2])


async def test_whatever_is_raised_fails_the_turn_that_raised_it_and_its_asker_hears_so(in_python):
    async def life() -> tuple[str, dict[str, int]]:
        async with Swarm(engine="local", durable=False) as swarm:
            swarm.add(Deadly)
            swarm.add(Pen)
            said = (await swarm.ask("pen/1", Try(what=""), reply=Said)).what
            return said, (await swarm.counts())["dead_letters"]

    failed = "tried: Bad: it is", {"handler failed": 1}
    assert await life() == failed
    in_python()
    assert await life() == failed


async def test_births_and_questions_leave_nothing_behind():
    async with Swarm(engine="local", durable=False) as swarm:
        swarm.add(Odd)
        swarm.add(Asker)
        asks = Asks(of=[(f"odd/{n % 3}", word) for n, word in enumerate(WORDS * 5) if word != "keeps"])
        counts = []
        for _ in range(4):
            await swarm.ask("asker/1", asks, reply=Answers)
            gc.collect()
            counts.append(
                (sum(type(each) in (Asked, Slot, Said, Try) for each in gc.get_objects()), sys.getrefcount(Odd))
            )
        assert counts[1] == counts[2] == counts[3]


async def test_a_hand_says_what_it_needs():
    assert running.runner is not None
    with pytest.raises(TypeError, match="slot of nobody"):
        running.runner.Hand(None, {}, {}, None, None, None, None, 1.0, 1.0, 1.0)  # type: ignore[arg-type]
