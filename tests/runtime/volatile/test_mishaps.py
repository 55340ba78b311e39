"""What goes wrong in a swarm without a journal harms what it must, and nothing beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest

from stigmergy.actors.registry.placement import Seat, place
from stigmergy.actors.volatile.asked import Asked
from stigmergy.actors.volatile.letter import Letter, Talk
from stigmergy.protocols import HandlerFailed, Text
from stigmergy.protocols.errors import NonDeterministic, ToolFailed
from stigmergy.runtime import Agent, Context, Plant, State, Swarm, handles

from .company import Ping, Plain, Pong, Purse, Shelf
from .world import living


@asynccontextmanager
async def running(*kinds, hosts=1, **options):
    async with Swarm(plant=Plant(engine="local", hosts=hosts), durable=False, **options) as swarm:
        for kind in kinds:
            swarm.add(kind)
        yield swarm


async def until(condition):
    """Go on once something is so."""
    for _ in range(3_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never was")


class Commuter(Agent):
    """Counts its turns, and does not always get up at once."""

    state: Purse
    late = False

    async def on_start(self) -> None:
        if type(self).late:
            type(self).late = False
            raise ConnectionError("missed the train")

    @handles
    def ping(self, _: Ping, ctx: Context) -> Pong:
        self.state.coins += 1
        return Pong(n=self.state.coins, text=str(ctx.attempt))


async def test_an_agent_that_has_moved_and_cannot_start_at_once_still_has_its_state(monkeypatch):
    async with running(Commuter, hosts=2) as swarm:
        commuter = living("commuter", 1)[0]
        assert (await swarm.ask(commuter, Ping(), reply=Pong)) == Pong(n=1, text="1")
        await swarm.move(commuter, "host-2")
        monkeypatch.setattr(Commuter, "late", True)
        assert (await swarm.ask(commuter, Ping(), reply=Pong)) == Pong(n=2, text="2")


class Collector(Agent):
    """Keeps things in its state, also one that cannot be copied."""

    state: Shelf
    attempts = 1

    @handles
    def ping(self, ping: Ping) -> Pong:
        if ping.to:
            self.state.things.append(threading.Lock())
        return Pong(n=len(self.state.things))


async def test_a_letter_whose_agents_state_cannot_be_copied_is_buried_and_others_go_on():
    async with running(Collector, Plain) as swarm:
        await swarm.ask("collector/1", Ping(to="lock"), reply=Pong)
        with pytest.raises(HandlerFailed, match="cannot pickle"):
            await swarm.ask("collector/1", Ping(), reply=Pong, timeout_s=5)
        await asyncio.gather(*(swarm.tell("collector/1", Ping(n=number)) for number in range(3)))
        assert (await swarm.ask("collector/2", Ping(), reply=Pong)).n == 0
        assert (await swarm.ask("plain/1", Ping(), reply=Pong)).n == 1
        assert (await swarm.counts())["dead_letters"] == {"handler failed": 4}


class Sower(Agent):
    """Lays a trail, fails once, and lays it again."""

    @handles
    async def ping(self, ping: Ping, ctx: Context) -> Pong:
        looked = ctx.trail("path") if ctx.attempt == 1 or not ping.to else ctx.trail(ping.to)
        await looked.define()
        await looked.deposit({"a": 1.0})
        if ctx.attempt == 1:
            raise ConnectionError("once")
        return Pong(n=int((await looked.read())["a"]))


async def test_what_a_turn_that_starts_over_changes_again_is_changed_once():
    async with running(Sower) as swarm:
        assert (await swarm.ask("sower/1", Ping(), reply=Pong)).n == 1


async def test_a_turn_that_starts_over_and_changes_something_else_is_told():
    async with running(Sower) as swarm:
        with pytest.raises(NonDeterministic, match="step 0 .* was 'act:trails.define:.* and is now 'act:trails.define"):
            await swarm.ask("sower/1", Ping(to="other"), reply=Pong)


class Unspeakable(Exception):
    """Cannot even be said."""

    def __str__(self) -> str:
        raise KeyError("no words")


FAULTS: dict[str, Callable[[], BaseException]] = {
    "half a surrogate": lambda: ValueError("file \udcff.txt"),
    "a long story": lambda: ValueError("long " * (4 << 20)),
    "no words": Unspeakable,
    "what ends a process": lambda: SystemExit(3),
    "what a terminal sends": KeyboardInterrupt,
    "one of ours": lambda: ToolFailed("file \udcff.txt"),
    "one of ours with something strange": lambda: ToolFailed(Unspeakable()),
}


class Faulty(Agent):
    """Fails as it is told, between two messages that it answers."""

    attempts = 1
    answered = 0

    @handles
    async def ping(self, ping: Ping) -> Pong:
        await asyncio.sleep(0)
        if ping.to:
            error = FAULTS[ping.to]()
            raise error
        self.answered += 1
        return Pong(n=self.answered)


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_a_handler_raises_its_asker_hears_of_it_and_its_agent_goes_on(fault, hosts):
    async with running(Faulty, hosts=hosts) as swarm:
        asks = [swarm.ask("faulty/1", Ping(to=to), reply=Pong, timeout_s=10) for to in ("", fault, "")]
        first, failed, last = await asyncio.gather(*asks, return_exceptions=True)
        assert (first, last) == (Pong(n=1), Pong(n=2))
        assert isinstance(failed, HandlerFailed | ToolFailed)
        assert (await swarm.ask("faulty/1", Ping(), reply=Pong, timeout_s=10)).n == 3
        assert (await swarm.counts())["dead_letters"] == {"handler failed": 1}


class Cursed(State):
    """Cannot be made of what was kept of it."""

    n: int = 0

    @classmethod
    def model_construct(cls, *_: object, **__: object) -> NoReturn:
        raise LookupError("nobody knows how")


class Wrecker(Agent):
    """Fails, and cannot have its state back."""

    state: Cursed
    attempts = 1

    @handles
    async def ping(self, _: Ping) -> None:
        await asyncio.sleep(0)
        raise ValueError("wrecked")


async def test_a_state_that_cannot_be_restored_is_said_to_all_who_ask_its_agent():
    async with running(Wrecker) as swarm:
        asks = [swarm.ask("wrecker/1", Ping(), timeout_s=10) for _ in range(3)]
        for failed in await asyncio.gather(*asks, return_exceptions=True):
            assert isinstance(failed, HandlerFailed)
            assert "nobody knows how" in str(failed)
        assert (await swarm.counts())["dead_letters"] == {"handler failed": 3}


class Plodder(Agent):
    """Takes its time over each message, and fails when it is told to."""

    mailbox = 100

    def __init__(self) -> None:
        self.seen: list[int] = []

    @handles
    async def ping(self, ping: Ping) -> None:
        self.seen.append(ping.n)
        await GATES[0].wait()
        if ping.to:
            raise ConnectionError("not now")


GATES: list[asyncio.Event] = []
"""What plodders wait for."""


@pytest.fixture
def gate(monkeypatch):
    gate = asyncio.Event()
    monkeypatch.setitem(globals(), "GATES", [gate])
    return gate


@pytest.mark.parametrize("to", ["", "fail"])
async def test_a_busy_agent_begins_nothing_more_once_the_swarm_has_stopped(to, gate, processes):
    async with running(Plodder) as swarm:
        for number in range(10):
            await swarm.tell("plodder/1", Ping(n=number, to=to))
        host = processes["host-1.1"].service.host
        await until(lambda: host.turns)
        await swarm.stop()
        await until(lambda: host.stopped is not None)
        gate.set()
        await until(lambda: not host.turns)
        assert host.places["plodder/1"].agent.seen == [0]
        assert host.waiting == len(host.ready) == 9


def pool_of_one(kind_on, member_on):
    """The name of a kind whose pool is kept on one host, while its only member lives on another."""
    seats = [Seat("host-1"), Seat("host-2")]
    names = (f"worker{number}" for number in range(1_000))
    return next(name for name in names if (place(name, seats), place(f"{name}/pool.1", seats)) == (kind_on, member_on))


class Worker(Agent):
    """One of a pool; nobody else takes what is addressed to it."""

    pool = 1

    @handles
    async def ping(self, ping: Ping) -> Pong:
        if ping.to:
            await asyncio.Event().wait()
        return Pong(n=ping.n)


async def test_what_waits_for_a_pool_is_handed_out_when_the_host_of_its_members_is_gone(at_once, processes):
    async with running(hosts=2) as swarm:
        kind = pool_of_one("host-1", "host-2")
        swarm.add(Worker, kind=kind)
        await swarm.tell(kind, Ping(to="for ever"))
        asks = [asyncio.ensure_future(swarm.ask(kind, Ping(n=number), reply=Pong)) for number in range(5)]
        pool = processes["host-1.1"].service.host.parts[kind].pool
        await until(lambda: len(pool.waiting) == len(asks))
        assert processes["host-1.1"].service.host.waiting == len(asks)
        processes["host-2.1"].kill()
        assert [(await ask).n for ask in asks] == list(range(5))


@pytest.mark.parametrize("known", [False, True])
async def test_what_comes_for_a_pool_while_there_is_no_way_to_its_member_waits_until_there_is(known, processes):
    async with running(hosts=2) as swarm:
        kind = pool_of_one("host-1", "host-2")
        swarm.add(Worker, kind=kind)
        await swarm.ask(kind if known else f"{kind}/another", Ping(), reply=Pong)
        service = processes["host-1.1"].service
        host, asked = service.host, Asked()
        asked.deadline = host.now() + 30
        service.lost("host-2.1", "cut off by a test")
        host.places.pop(f"{kind}/pool.1", None)  # as a view that comes just now would have it
        host.office.pools.regroup()
        letter = Letter(Ping(n=7), "client/main", 99, Talk("a", "talk"), "", 0, 0, (), asked)
        host.office.put(host.office.find(kind), letter)
        assert host.waiting == 1
        if not known:
            processes["host-2.1"].kill()  # who is only cut off is given up, too, but after 15 s
        (answer, _) = await asyncio.wait_for(asked.future(), 20)
        assert answer.n == 7


class Carrier(Agent):
    """Passes everything on to the next, and says so to a witness."""

    @handles
    def text(self, text: Text, ctx: Context) -> None:
        number = int(ctx.me.key)
        ctx.tell("witness/1", Ping(n=number))
        if number < 20:
            ctx.tell(f"carrier/{number + 1}", text)
        ctx.tell("witness/1", Ping(n=-number))


class Witness(Agent):
    """Knows who has got it."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    @handles
    def ping(self, ping: Ping) -> None:
        self.seen.append(ping.n)

    @handles
    def tell(self, _: Pong) -> Pong:
        return Pong(n=len(self.seen), text=str(sorted(self.seen)))


@pytest.mark.parametrize("text", ["word " * 100_000, "file \udcff.txt"], ids=["large", "half a surrogate"])
async def test_a_long_chain_carries_whatever_text_a_message_can_hold(text):
    async with running(Carrier, Witness) as swarm:
        await swarm.tell("carrier/1", Text(text=text))
        while (await swarm.counts())["waiting"]:
            pass
        seen = await swarm.ask("witness/1", Pong(), reply=Pong)
        assert seen.text == str([*range(-20, 0), *range(1, 21)])


class Herald(Agent):
    """Tells a driver something, and then its neighbour."""

    @handles
    def go(self, news: Text, ctx: Context) -> None:
        ctx.tell("client/main", news)
        ctx.tell("witness/1", Ping(n=7))


@pytest.mark.parametrize("text", ["x" * 300_000, "half \udcff"], ids=["large", "half a surrogate"])
async def test_what_no_driver_can_be_told_is_buried_and_what_is_sent_beside_it_arrives(text):
    async with running(Herald, Witness) as swarm:
        await swarm.tell("herald/h", Text(text=text))
        async with asyncio.timeout(60):
            while not (await swarm.counts())["dead_letters"]:
                pass
        assert (await swarm.counts())["dead_letters"] == {"malformed": 1}
        assert (await swarm.ask("witness/1", Pong(), reply=Pong)).text == "[7]"
