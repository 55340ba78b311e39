"""Virtual time: what is sent in a round is delivered in the next, in an order that depends on nothing else."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable
from typing import ClassVar

import pytest

from stigmergy.protocols import Budget, DeadlineExceeded, HandlerFailed, Message, UsageError
from stigmergy.runtime import Agent, Context, Plant, State, Swarm, handles

from .company import Asker, Clumsy, Gossip, Patient, Ping, Plain, Pong, Reader, Stop, Tally
from .world import living


class Heard(State):
    lines: list[str] = []


class Listener(Agent):
    """Writes down who said what, and when."""

    state: Heard

    @handles
    def hear(self, ping: Ping, ctx: Context) -> None:
        self.state.lines = [*self.state.lines, f"{ctx.now:g} {ctx.sender} {ping.n}"]

    @handles
    def tell(self, _: Pong) -> Pong:
        return Pong(text=", ".join(self.state.lines))


class Speaker(Agent):
    """Says two things as soon as it may: at once, or after a while that has nothing to do with its name."""

    @handles
    async def speak(self, ping: Ping, ctx: Context) -> None:
        for _ in range(ping.n):
            await asyncio.sleep(0)
        ctx.tell("listener/1", Ping(n=1))
        ctx.tell("listener/1", Ping(n=2))


class Walk(Message):
    steps: int


class Walker(Agent):
    """Goes from one to another by chance, and remembers its draws."""

    @handles
    def walk(self, walk: Walk, ctx: Context) -> None:
        if walk.steps:
            ctx.tell(f"walker/{ctx.random.randrange(50)}", Walk(steps=walk.steps - 1))


class Hopper(Agent):
    """Takes some steps on the spot, and then says so; without any, it asks first."""

    @handles
    def walk(self, walk: Walk, ctx: Context) -> None:
        if walk.steps:
            ctx.tell(ctx.me, Walk(steps=walk.steps - 1))
        else:
            ctx.tell("listener/1", Ping())

    @handles
    async def ask(self, _: Ping, ctx: Context) -> None:
        await ctx.ask("plain/1", Ping(), reply=Pong)
        ctx.tell("listener/1", Ping())


class Sleeper(Agent):
    """Answers when nobody waits any more."""

    @handles
    async def ping(self, _: Ping, ctx: Context) -> Pong:
        return await ctx.ask("hole/1", Ping(), reply=Pong, timeout_s=5)


class Hole(Agent):
    """Waits for a friend who waits for it."""

    reentrant = True

    @handles
    async def ping(self, _: Ping, ctx: Context) -> Pong:
        return await ctx.ask("hole/1", Ping(), reply=Pong, timeout_s=100)


def lockstep(*kinds, seed=1):
    swarm = Swarm(engine="local", durable=False, clock="lockstep", seed=seed)
    for kind in kinds:
        swarm.add(kind)
    return swarm


async def test_a_message_is_delivered_in_the_next_round_ordered_by_sender_and_number():
    async with lockstep(Listener, Speaker) as swarm:
        for key, pauses in (("c", 0), ("a", 7), ("b", 3)):
            await swarm.tell(f"speaker/{key}", Ping(n=pauses))
        assert await swarm.run(rounds=1) == 1
        assert await swarm.run() == 1
        heard = await swarm.ask("listener/1", Pong(), reply=Pong)
    assert heard.text == ", ".join(f"2 speaker/{key} {n}" for key in "abc" for n in (1, 2))


async def test_turns_that_waited_do_not_overtake_those_that_did_not():
    async with lockstep(Listener, Hopper, Plain) as swarm:
        await swarm.tell("hopper/z", Ping())
        await swarm.tell("hopper/b", Walk(steps=2))
        await swarm.run()
        heard = await swarm.ask("listener/1", Pong(), reply=Pong)
    assert heard.text == "4 hopper/b 0, 4 hopper/z 0"


async def test_asks_take_a_round_there_and_a_round_back():
    async with lockstep(Plain, Patient, Asker) as swarm:
        for kind in ("plain", "patient"):
            heard = await swarm.ask("asker/1", Ping(n=30, to=kind), reply=Pong)
            assert heard.n == 3 * sum(range(1, 11))
        await swarm.tell("asker/1", Ping(n=3, to="plain"))
        assert await swarm.run() == 3


async def digest_of(seed, *, turned=False):
    async with lockstep(Gossip, Tally, Walker, Asker, Patient, seed=seed) as swarm:
        sends = [
            ("gossip/0", Ping(n=60)),
            *((f"walker/{n}", Walk(steps=20)) for n in range(20)),
            ("asker/1", Ping(n=9, to="patient")),
        ]
        for to, message in sends:
            await swarm.tell(to, message)
        rounds = 0
        if turned:  # the same run, in pieces
            while await swarm.run(rounds=3):
                rounds += 1
        else:
            await swarm.run()
        report = await swarm.report()
    return report.digest, report.messages


async def test_the_same_seed_gives_the_same_digest_and_another_one_does_not():
    first = await digest_of(1)
    assert first == await digest_of(1, turned=True)
    assert first[0] != (await digest_of(2))[0]


async def test_a_deadline_counts_rounds():
    async with lockstep(Sleeper, Hole) as swarm:
        with pytest.raises(DeadlineExceeded, match="within 5 s"):
            await swarm.ask("sleeper/1", Ping(), reply=Pong, timeout_s=1_000)


async def test_a_failed_turn_is_tried_again_in_the_same_round():
    async with lockstep(Clumsy, Plain) as swarm:
        assert await swarm.ask("clumsy/1", Ping(n=2), reply=Pong) == Pong(n=1, text="[3]")
        with pytest.raises(HandlerFailed, match="clumsy"):
            await swarm.ask("clumsy/2", Ping(n=3), reply=Pong)


async def test_rounds_are_for_swarms_without_a_journal():
    with pytest.raises(UsageError, match="durable=False"):
        Swarm(clock="lockstep")
    async with Swarm(engine="local", durable=False) as swarm:
        swarm.add(Plain)
        with pytest.raises(UsageError, match="time runs by itself"):
            await swarm.run()


class Poster(Agent):
    """Posts a number."""

    @handles
    def ping(self, ping: Ping, ctx: Context) -> None:
        ctx.post("news.day", ping)


async def test_a_follow_counts_for_what_is_posted_from_the_next_round_on():
    async with lockstep(Poster, Reader) as swarm:
        for number in range(4):
            await swarm.tell("poster/1", Ping(n=2**number))
            if number == 1:
                await swarm.tell("reader/1", Stop())
            await swarm.run(rounds=1)
        await swarm.run()
        heard = await swarm.ask("reader/1", Pong(), reply=Pong)
    assert heard == Pong(n=4 + 8, text="2")


class Clerk(Agent):
    """One of two who share the work."""

    pool = 2

    @handles
    def ping(self, ping: Ping, ctx: Context) -> None:
        ctx.tell("listener/1", Ping(n=ping.n))


class Caller(Agent):
    """Has work for a pool."""

    @handles
    def ping(self, ping: Ping, ctx: Context) -> None:
        for n in range(2):
            ctx.tell("clerk", Ping(n=10 * ping.n + n))


async def test_a_pool_takes_one_letter_each_and_round_in_the_order_of_senders():
    async with lockstep(Caller, Clerk, Listener) as swarm:
        for number in (2, 1):
            await swarm.tell(f"caller/{number}", Ping(n=number))
        await swarm.run()
        heard = await swarm.ask("listener/1", Pong(), reply=Pong)
    assert heard.text == "3 clerk/pool.1 10, 3 clerk/pool.2 11, 4 clerk/pool.1 20, 4 clerk/pool.2 21"


class Fickle(Agent):
    """Sends, and then finds that it should not have, as often as it is told to."""

    @handles
    def ping(self, ping: Ping, ctx: Context) -> None:
        ctx.tell("listener/1", Ping(n=ctx.attempt))
        if ctx.attempt <= ping.n:
            raise ValueError("not now")

    @handles
    def later(self, _: Pong, ctx: Context) -> Awaitable[None]:
        ctx.tell("listener/1", Ping(n=10))
        return self._later(ctx)

    async def _later(self, ctx: Context) -> None:
        await ctx.ask("plain/1", Ping(), reply=Pong)
        ctx.tell("listener/1", Ping(n=11))


async def test_what_a_failed_attempt_has_sent_was_never_sent():
    async with lockstep(Fickle, Listener) as swarm:
        for key, failures in (("a", 2), ("b", 3), ("c", 0)):
            await swarm.tell(f"fickle/{key}", Ping(n=failures))
        await swarm.run()
        heard = await swarm.ask("listener/1", Pong(), reply=Pong)
        report = await swarm.report()
    assert heard.text == "2 fickle/a 3, 2 fickle/c 1"
    assert report.dead_letters == {"handler failed": 1}


async def test_a_plain_handler_that_returns_something_to_wait_for_sends_everything_when_that_is_over():
    async with lockstep(Fickle, Listener, Plain) as swarm:
        await swarm.tell("fickle/a", Pong())
        await swarm.tell("fickle/b", Ping())
        await swarm.run()
        heard = await swarm.ask("listener/1", Pong(), reply=Pong)
    assert heard.text == "2 fickle/b 1, 4 fickle/a 10, 4 fickle/a 11"


@pytest.mark.parametrize("ceiling", [100, 534])
async def test_the_message_ceiling_is_reached_exactly_by_rounds_too(ceiling):
    swarm = Swarm(engine="local", durable=False, clock="lockstep", budget=Budget(messages=ceiling))
    async with swarm:
        swarm.add(Walker)
        for n in range(20):
            await swarm.tell(f"walker/{n}", Walk(steps=10_000))
        await swarm.run()
        assert swarm.stopped is not None
        assert swarm.stopped[0] == "budget"
        assert (await swarm.report()).messages == ceiling


class Mayfly(Agent):
    """Is known as long as it lives."""

    ALIVE: ClassVar[weakref.WeakSet[Mayfly]] = weakref.WeakSet()

    def __init__(self) -> None:
        self.ALIVE.add(self)

    @handles
    def ping(self, ping: Ping, ctx: Context) -> None:
        ctx.tell(f"mayfly/{ping.n + 1}", Ping(n=ping.n + 1))


async def test_what_a_run_has_made_goes_when_it_is_over():
    gc.freeze()  # what was there before is not looked through again and again
    async with Swarm(durable=False, clock="lockstep") as swarm:
        swarm.add(Mayfly)
        await swarm.tell("mayfly/0", Ping())
        await swarm.run(rounds=20)
        assert len(Mayfly.ALIVE) == 20
    del swarm
    for _ in range(1_000):
        gc.collect()
        if not Mayfly.ALIVE:
            return
        await asyncio.sleep(0.01)  # a thread of the run may not have ended yet
    raise AssertionError("somebody still holds them")


@pytest.mark.parametrize("hosts", [1, 2])
async def test_trails_evaporate_for_a_driver_by_rounds_in_which_nobody_looked_at_them(hosts):
    plant = Plant(engine="local", hosts=hosts)
    async with Swarm(durable=False, clock="lockstep", seed=1, plant=plant) as swarm:
        swarm.add(Walker)
        trail = swarm.trail("path")
        await trail.define(evaporation=0.5)
        await trail.deposit({"a": 1.0})
        await swarm.tell("walker/0", Walk(steps=50))
        played = await swarm.run(rounds=10)
        assert played == 10
        assert (await trail.read())["a"] == pytest.approx(0.5**10)


class Blob(Message):
    data: bytes


BLOB = Blob(data=bytes(7 * 1024 * 1024))


class Heavy(Agent):
    """Says as much as it answers."""

    @handles
    def give(self, _: Ping, ctx: Context) -> Blob:
        ctx.tell(ctx.sender, BLOB)
        return BLOB


class Light(Agent):
    got = 0

    @handles
    async def ask(self, ping: Ping, ctx: Context) -> Pong:
        answer = await ctx.ask(ping.to, Ping(), reply=Blob)
        return Pong(n=len(answer.data) + self.got)

    @handles
    def take(self, blob: Blob) -> None:
        self.got += len(blob.data)


async def test_a_large_letter_and_a_large_answer_go_the_same_way_in_one_round():
    async with Swarm(durable=False, clock="lockstep", plant=Plant(engine="local", hosts=2)) as swarm:
        swarm.add(Heavy)
        swarm.add(Light)
        heavy, light = living("heavy", 2)[0], living("light", 1)[0]
        for _ in range(2):
            answer = await asyncio.wait_for(swarm.ask(light, Ping(to=heavy), reply=Pong), 60)
        assert answer.n >= 2 * len(BLOB.data)
