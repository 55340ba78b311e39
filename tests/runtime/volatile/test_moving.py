"""Agents that move between hosts while everybody talks to them, over links that lose and delay."""

from __future__ import annotations

import asyncio
import math

import pytest

from stigmergy.actors.mesh import shares
from stigmergy.actors.registry.placement import Seat, place
from stigmergy.actors.transport import channel
from stigmergy.actors.volatile.slot import Slot
from stigmergy.protocols import Message, SwarmStopped, UsageError
from stigmergy.runtime import Agent, Context, Plant, State, Swarm, handles
from tests.depth import depth

from .company import Ping, Plain, Pong
from .world import living, simulate

LIMITS = {"stale_hops": math.inf, "barren": math.inf, "barren_warn": math.inf, "pair_messages": math.inf}
"""A writer tells itself to go on, which looks like a loop."""

NOTES = 30
READERS = 5
WRITERS = 5
HOSTS = ["host-1", "host-2", "host-3"]


class Note(Message):
    writer: str
    n: int


class Write(Message):
    """Go on writing."""

    left: int
    posts: bool = False


class Heard(State):
    """The numbers that each writer told and posted, in the order in which they came: `` 0 1 2``."""

    notes: dict[str, str] = {}
    posts: dict[str, str] = {}


class Written(State):
    n: int = 0
    posted: int = 0


class Post(Message):
    writer: str
    n: int


class Reader(Agent):
    """Keeps what it is told, and what is posted, in its state."""

    state: Heard
    mailbox = 10_000

    @handles
    def note(self, note: Note) -> None:
        self.state.notes = with_one_more(self.state.notes, note.writer, note.n)

    @handles
    def post(self, post: Post) -> None:
        self.state.posts = with_one_more(self.state.posts, post.writer, post.n)

    @handles
    async def follow(self, _: Pong, ctx: Context) -> None:
        await ctx.follow("news.*")

    @handles
    async def read(self, _: Ping, ctx: Context) -> Heard_:
        return Heard_(notes=self.state.notes, posts=self.state.posts)


class Heard_(Message):  # noqa: N801 - beside the state of that name
    notes: dict[str, str]
    posts: dict[str, str]


class Writer(Agent):
    """Tells all readers one note after another, turn by turn, and posts in between; it moves, too."""

    state: Written

    @handles
    async def write(self, order: Write, ctx: Context) -> None:
        for reader in range(READERS):
            ctx.tell(f"reader/{reader}", Note(writer=ctx.me.key, n=self.state.n))
        self.state.n += 1
        if order.posts and order.left % 2:
            ctx.post("news.today", Post(writer=ctx.me.key, n=self.state.posted))
            self.state.posted += 1
        await asyncio.sleep(0.04)
        if order.left > 1:
            ctx.tell(str(ctx.me), Write(left=order.left - 1, posts=order.posts))


class Visitor(Agent):
    """Takes its time, and then asks somebody."""

    @handles
    async def visit(self, _: Ping, ctx: Context) -> Pong:
        await asyncio.sleep(3)
        return Pong(n=(await ctx.ask("plain/1", Ping(), reply=Pong)).n)


class Sitter(Agent):
    """Counts its turns, and takes its time over each."""

    state: Written

    @handles
    async def sit(self, _: Ping) -> Pong:
        await asyncio.sleep(3)
        self.state.n += 1
        return Pong(n=self.state.n)


class Crowd(Agent):
    """Sits several times at once, and tells when it has."""

    reentrant = True
    turn_timeout_s = 5

    @handles
    async def sit(self, _: Pong, ctx: Context) -> None:
        await asyncio.sleep(3)
        ctx.tell("plain/1", Ping())


class Usher(Agent):
    """Sends so many to a crowd, one after the other."""

    @handles
    async def send(self, ping: Ping, ctx: Context) -> None:
        await asyncio.sleep(0.5)
        ctx.tell(ping.to, Pong())
        if ping.n > 1:
            ctx.tell(str(ctx.me), Ping(n=ping.n - 1, to=ping.to))


class Clerk(Agent):
    """One of two, who takes as long as he is told."""

    pool = 2

    @handles
    async def work(self, ping: Ping, ctx: Context) -> Pong:
        await asyncio.sleep(ping.n)
        return Pong(text=str(ctx.me))


def with_one_more(heard: dict[str, str], writer: str, n: int) -> dict[str, str]:
    return {**heard, writer: f"{heard.get(writer, '')} {n}"}


def by_writer(heard: dict[str, str]) -> dict[str, list[int]]:
    return {writer: [int(n) for n in numbers.split()] for writer, numbers in heard.items()}


async def talk(swarm, world):
    """Everybody begins to write, and agents are moved about meanwhile."""
    for reader in range(READERS):
        await swarm.ask(f"reader/{reader}", Pong())
    for writer in range(WRITERS):
        await swarm.tell(f"writer/{writer}", Write(left=NOTES, posts=True))
    hosts = ["host-1", "host-2"]
    for _ in range(10):
        await asyncio.sleep(world.chance.random() * 0.2)
        if world.chance.random() < 0.2 and len(hosts) < 4:
            hosts += await swarm.grow()
        else:
            kind, count = world.chance.choice([("reader", READERS), ("writer", WRITERS)])
            await swarm.move(f"{kind}/{world.chance.randrange(count)}", world.chance.choice(hosts))


async def write_from_host_1(swarm):
    """Put everybody there, and let them write."""
    for number in range(READERS):
        await swarm.move(f"reader/{number}", "host-1")
        await swarm.move(f"writer/{number}", "host-1")
    for number in range(WRITERS):
        await swarm.tell(f"writer/{number}", Write(left=NOTES))


def move_readers(swarm):
    return [asyncio.ensure_future(swarm.move(f"reader/{number}", "host-2")) for number in range(READERS)]


async def all_heard(swarm):
    return [await swarm.ask(f"reader/{n}", Ping(), reply=Heard_) for n in range(READERS)]


@pytest.mark.parametrize("seed", range(depth(2, 20)))
def test_nothing_is_lost_or_doubled_or_overtaken_while_agents_move(seed):
    async def program(world):
        async with Swarm(plant=Plant(engine="local", hosts=2, limits=LIMITS), durable=False) as swarm:
            swarm.add(Reader)
            swarm.add(Writer)
            await talk(swarm, world)
            await asyncio.sleep(10)
            for heard in await all_heard(swarm):
                assert by_writer(heard.notes) == {str(writer): list(range(NOTES)) for writer in range(WRITERS)}
                assert by_writer(heard.posts) == {str(writer): list(range(NOTES // 2)) for writer in range(WRITERS)}
            assert (await swarm.report()).dead_letters == {}

    simulate(seed, program)


@pytest.mark.parametrize("seed", range(depth(2, 10)))
def test_the_first_mail_of_an_agent_is_not_overtaken_when_its_home_moves_and_not_all_know_it_yet(seed):
    async def program(world):
        async with Swarm(plant=Plant(engine="local", hosts=3, limits=LIMITS), durable=False) as swarm:
            swarm.add(Reader)
            swarm.add(Writer)
            await asyncio.gather(
                *(swarm.tell(f"writer/{number}", Write(left=NOTES)) for number in range(WRITERS)),
                *(swarm.move(f"reader/{number}", world.chance.choice(HOSTS)) for number in range(READERS)),
            )
            await asyncio.sleep(10)
            for heard in await all_heard(swarm):
                assert by_writer(heard.notes) == {str(writer): list(range(NOTES)) for writer in range(WRITERS)}

    simulate(seed, program, delay_s=0.1)


@pytest.mark.parametrize("seed", range(depth(2, 10)))
def test_a_host_that_dies_while_agents_move_takes_nobody_elses_mail_along(seed):
    async def program(world):
        async with Swarm(plant=Plant(engine="local", hosts=3, limits=LIMITS), durable=False) as swarm:
            swarm.add(Reader)
            swarm.add(Writer)
            await write_from_host_1(swarm)
            await asyncio.sleep(world.chance.random() * 0.5)
            moves = move_readers(swarm)
            await asyncio.sleep(world.chance.random() * 0.05)
            world.kill("host-3.1")
            await asyncio.wait(moves)
            await asyncio.sleep(10)
            for heard in await all_heard(swarm):
                assert by_writer(heard.notes) == {str(writer): list(range(NOTES)) for writer in range(WRITERS)}

    simulate(seed, program)


@pytest.mark.parametrize("seed", range(depth(2, 10)))
def test_agents_whose_new_host_dies_live_on_and_hear_nothing_twice(seed):
    async def program(world):
        async with Swarm(plant=Plant(engine="local", hosts=2, limits=LIMITS), durable=False) as swarm:
            swarm.add(Reader)
            swarm.add(Writer)
            await write_from_host_1(swarm)
            moves = move_readers(swarm)
            await asyncio.sleep(world.chance.random() * 0.3)
            world.kill("host-2.1")
            await asyncio.wait(moves)
            await asyncio.sleep(10)
            for heard in await all_heard(swarm):
                for numbers in by_writer(heard.notes).values():
                    assert numbers == sorted(set(numbers))
                    assert numbers[-1] == NOTES - 1

    simulate(seed, program)


def test_an_agent_that_is_still_where_it_was_put_when_its_new_host_dies_keeps_its_state():
    async def program(world):
        async with Swarm(plant=Plant(engine="local", hosts=3), durable=False) as swarm:
            swarm.add(Sitter)
            sitter = living("sitter", 3, hosts=3)[0]
            await swarm.move(sitter, "host-1")
            assert (await swarm.ask(sitter, Ping(), reply=Pong)).n == 1
            asked = asyncio.ensure_future(swarm.ask(sitter, Ping(), reply=Pong))
            await asyncio.sleep(0.5)
            move = asyncio.ensure_future(swarm.move(sitter, "host-2"))
            await asyncio.sleep(1)
            world.kill("host-2.1")
            await asyncio.wait([move])
            assert (await asked).n == 2
            assert (await swarm.ask(sitter, Ping(), reply=Pong)).n == 3

    simulate(1, program)


def test_a_reentrant_agent_that_is_never_idle_moves_all_the_same():
    async def program(world):
        async with Swarm(plant=Plant(engine="local", hosts=2, limits=LIMITS), durable=False) as swarm:
            for kind in (Crowd, Usher, Plain):
                swarm.add(kind)
            crowd, usher = living("crowd", 1)[0], living("usher", 1)[0]  # who is beside it finds it there until it goes
            await swarm.tell(usher, Ping(n=100, to=crowd))
            await asyncio.sleep(3)
            await swarm.move(crowd, "host-2")
            assert (await swarm.ask("plain/1", Ping(), reply=Pong)).n < 50
            await asyncio.sleep(100)
            assert (await swarm.ask("plain/1", Ping(), reply=Pong)).n == 102

    simulate(1, program)


def test_a_member_of_a_pool_that_is_busy_elsewhere_stays_so_when_somebody_else_moves():
    async def program(world):
        async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
            swarm.add(Clerk)
            swarm.add(Plain)
            away = "host-2" if place("clerk", [Seat("host-1"), Seat("host-2")]) == "host-1" else "host-1"
            for number in (1, 2):
                await swarm.move(f"clerk/pool.{number}", away)
            busy = asyncio.ensure_future(swarm.ask("clerk", Ping(n=100), reply=Pong, timeout_s=200))
            await asyncio.sleep(1)
            await swarm.move("plain/1", away)
            assert (await swarm.ask("clerk", Ping(), reply=Pong, timeout_s=50)).text == "clerk/pool.2"
            assert (await busy).text == "clerk/pool.1"

    simulate(1, program)


async def test_an_agent_that_moves_keeps_its_state_and_answers_from_where_it_is(processes):
    async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
        swarm.add(Plain)
        plain = living("plain", 1)[0]
        for n in range(1, 4):
            assert (await swarm.ask(plain, Ping(), reply=Pong)).n == n
        await swarm.move(plain, "host-2")
        for n in range(4, 8):
            assert (await swarm.ask(plain, Ping(), reply=Pong)).n == n
        assert [await living_agents(processes[name]) for name in ("host-1.1", "host-2.1")] == [0, 1]
        with pytest.raises(UsageError, match=r"no host 'host-9' \(hosts: host-1, host-2\)"):
            await swarm.move(plain, "host-9")


class Vast(State):
    n: int = 0


class Hoarder(Agent):
    """Remembers what no wire carries."""

    state: Vast

    @handles
    async def ping(self, _: Ping) -> Pong:
        self.state.n = 10**30
        return Pong()


async def test_an_agent_whose_state_cannot_travel_stops_the_swarm_and_is_named():
    async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
        swarm.add(Hoarder)
        hoarder = living("hoarder", 1)[0]
        await swarm.ask(hoarder, Ping(), reply=Pong)
        await swarm.move(hoarder, "host-2")
        with pytest.raises(SwarmStopped, match=f"{hoarder} cannot move, since its state cannot be packed"):
            await swarm.ask(hoarder, Ping(), reply=Pong)


class Library(State):
    text: str = ""
    grid: dict[tuple[int, int], int] = {}


class Librarian(Agent):
    """Remembers as many bytes as it is told to; or a grid, which is no state that can be read back."""

    state: Library

    @handles
    async def ping(self, ping: Ping) -> Pong:
        self.state.text = self.state.text or "x" * ping.n
        return Pong(n=len(self.state.text))

    @handles
    async def grid(self, _: Pong) -> Pong:
        self.state.grid = {(1, 2): 3}
        return Pong()


async def test_states_that_do_not_fit_into_one_frame_go_in_several():
    async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
        swarm.add(Librarian)
        agents = living("librarian", 3, 80, hosts=3)
        sizes = await asyncio.gather(*(swarm.ask(agent, Ping(n=500_000), reply=Pong) for agent in agents))
        assert sum(answer.n for answer in sizes) > 2 * channel.MAX_BYTES
        await swarm.grow()
        sizes = await asyncio.gather(*(swarm.ask(agent, Ping(), reply=Pong) for agent in agents))
        assert {answer.n for answer in sizes} == {500_000}


async def test_so_many_agents_move_that_their_names_go_in_several_frames(monkeypatch, processes):
    async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
        swarm.add(Plain)
        agents = living("plain", 3, 600, hosts=3)
        for _ in range(2):
            await asyncio.gather(*(swarm.ask(agent, Ping(), reply=Pong) for agent in agents))
        monkeypatch.setattr(channel, "MAX_BYTES", 3_000)
        monkeypatch.setattr(shares, "SHARE", 1_500)
        await swarm.grow()
        assert await living_agents(processes["host-3.1"]) == 600
        assert (await swarm.ask(agents[0], Ping(), reply=Pong)).n == 3


@pytest.mark.parametrize(
    ("message", "why"),
    [(Ping(n=16_000_000), r"16,000,0\d\d bytes are over the limit of 15,728,640"), (Pong(), "grid")],
)
async def test_an_agent_whose_state_could_not_arrive_stops_the_swarm_before_it_goes(message, why):
    async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
        swarm.add(Librarian)
        librarian = living("librarian", 1)[0]
        await swarm.ask(librarian, message, reply=Pong)
        await swarm.move(librarian, "host-2")
        with pytest.raises(SwarmStopped, match=f"(?s){librarian} cannot move, since its state cannot be packed.*{why}"):
            await swarm.ask(librarian, Ping(), reply=Pong)


async def test_who_moves_agents_does_not_wait_for_ever_when_they_cannot_go(monkeypatch):
    async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
        swarm.add(Librarian)
        librarian = living("librarian", 1)[0]
        await swarm.ask(librarian, Ping(n=20_000), reply=Pong)
        monkeypatch.setattr(channel, "MAX_BYTES", 10_000)
        await swarm.move(librarian, "host-2")
        with pytest.raises(SwarmStopped, match="agents cannot move to host-2.1: .* bytes at once are over the limit"):
            await swarm.ask(librarian, Ping(), reply=Pong)


async def living_agents(process):
    """How many agents are on a host."""
    return sum(type(place) is Slot for place in process.service.host.places.values())


async def test_a_new_host_takes_its_share_and_no_more(processes):
    async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
        swarm.add(Plain)
        agents = [f"plain/{number}" for number in range(300)]
        for _ in range(2):
            await asyncio.gather(*(swarm.ask(agent, Ping(), reply=Pong) for agent in agents))
        stayed = {agent for number in (1, 2) for agent in living("plain", number, 300, hosts=2) if agent in agents}
        third = {agent for agent in living("plain", 3, 300, hosts=3) if agent in agents}
        assert await swarm.grow() == ["host-3"]
        counts = await asyncio.gather(*(swarm.ask(agent, Ping(), reply=Pong) for agent in agents))
        assert {answer.n for answer in counts} == {3}
        assert await living_agents(processes["host-3.1"]) == len(third)
        assert 60 < len(third) < 140
        assert third <= stayed


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "this swarm is one host: begin with Plant"),
        ({"plant": Plant(engine="local", hosts=2), "clock": "lockstep"}, "in lockstep hosts and agents stay"),
    ],
)
async def test_where_nobody_can_move_that_is_said(options, reason):
    async with Swarm(durable=False, **options) as swarm:
        swarm.add(Plain)
        for work in (swarm.grow(), swarm.move("plain/1", "host-1")):
            with pytest.raises(UsageError, match=reason):
                await work


def test_a_turn_that_asks_somebody_who_has_moved_ahead_is_answered():
    async def program(world):
        async with Swarm(plant=Plant(engine="local", hosts=2), durable=False) as swarm:
            swarm.add(Visitor)
            swarm.add(Plain)
            for agent in ("visitor/1", "plain/1"):
                await swarm.move(agent, "host-1")
            assert (await swarm.ask("plain/1", Ping(), reply=Pong)).n == 1
            visit = asyncio.ensure_future(swarm.ask("visitor/1", Ping(), reply=Pong, timeout_s=20))
            await asyncio.sleep(0.2)
            await asyncio.gather(*(swarm.move(agent, "host-2") for agent in ("visitor/1", "plain/1")))
            assert (await visit).n == 2
            assert await swarm.ask("visitor/1", Ping(), reply=Pong) == Pong(n=3)

    simulate(1, program)
