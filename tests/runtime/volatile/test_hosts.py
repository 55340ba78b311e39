"""Several hosts without a journal: what crosses between them, and what happens when one dies."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from stigmergy.protocols import Budget, HostLost, MailboxFull, Malformed, Message, Quarantined
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles

from ..cast import Echo, Heard, Relay, Say, Slow
from .company import Ping, Plain, Pong, Reader, Stop
from .world import living

HOSTS = 2


@asynccontextmanager
async def running(*kinds, **options):
    async with Swarm(plant=Plant(engine="local", hosts=HOSTS), durable=False, **options) as swarm:
        for kind in kinds:
            swarm.add(kind)
        yield swarm


class Order(Message):
    to: list[str]
    count: int = 1


class Courier(Agent):
    """Tells others, in turn, and asks."""

    @handles
    def bring(self, order: Order, ctx: Context) -> None:
        for number in range(order.count):
            for to in order.to:
                ctx.tell(to, Say(text=f"{ctx.me.key}:{number}"))

    @handles
    async def inquire(self, ping: Ping, ctx: Context) -> Pong:
        return await ctx.ask(ping.to, Ping(n=ping.n), reply=Pong)

    @handles
    def post(self, said: Say, ctx: Context) -> None:
        for number in range(said.n):
            ctx.post(said.text, Ping(n=number))


class Liar(Agent):
    """Says what its messages cannot hold."""

    @handles
    def bring(self, order: Order, ctx: Context) -> None:
        ctx.tell(order.to[0], Say(text="before"))
        ctx.tell(order.to[0], Say.model_construct(text=3, n="x"))
        ctx.tell(order.to[0], Say.model_construct(text=object(), n=0))
        ctx.tell(order.to[0], Say(text="after"))

    @handles
    def ping(self, _: Ping) -> Pong:
        return Pong.model_construct(n=2**80, text="")


class Book(Agent):
    """Keeps what it is told, where no turn saves it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    @handles
    def say(self, said: Say) -> None:
        self.told.append(said.text)

    @handles
    def read(self, ping: Ping) -> Pong:
        return Pong(n=len(self.told), text=",".join(self.told[-ping.n :]))


async def told(swarm, book, count):
    """What a book was told, once that is so much."""
    while (found := await swarm.ask(book, Ping(n=count), reply=Pong)).n < count:
        pass
    return found.text.split(",")


async def until(condition):
    """Go on once something is so."""
    for _ in range(3_000):
        if await condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never was")


async def has_turns(swarm, host):
    return (await swarm.processes())[host]["turns"] > 0


async def is_up(swarm, host):
    return host in await swarm.processes()


async def answers(swarm, asker, asked):
    try:
        return (await swarm.ask(asker, Ping(to=asked), reply=Pong)).n == 1
    except HostLost:
        return False


async def test_agents_live_on_all_hosts_and_reach_each_other(processes):
    async with running(Courier, Plain) as swarm:
        asker, asked = living("courier", 1)[0], living("plain", 2)[0]
        assert await swarm.ask(asker, Ping(to=asked), reply=Pong) == Pong(n=1, text=asker)
        assert processes["host-2.1"].service.host.places[asked].agent is not None
        assert processes["host-1.1"].service.host.places[asker].agent is not None


async def test_what_one_agent_tells_another_across_hosts_comes_in_order():
    async with running(Courier) as swarm:
        swarm.add(Book, mailbox=10_000)
        couriers, book = living("courier", 1, 5), living("book", 2)[0]
        await asyncio.gather(*(swarm.ask(courier, Order(to=[book], count=2_000)) for courier in couriers))
        heard = await told(swarm, book, 10_000)
        for courier in couriers:
            key = courier.partition("/")[2]
            assert [one for one in heard if one.startswith(f"{key}:")] == [f"{key}:{n}" for n in range(2_000)]


async def test_many_messages_cross_in_few_calls(processes):
    async with running(Courier, Book) as swarm:
        courier, book = living("courier", 1)[0], living("book", 2)[0]
        await swarm.ask(book, Ping(n=1), reply=Pong)
        before = processes["host-2.1"].calls
        await swarm.ask(courier, Order(to=[book], count=5_000))
        await told(swarm, book, 5_000)
        assert processes["host-2.1"].calls - before < 60


async def test_a_thousand_letters_that_wait_go_in_four_calls_so_that_both_hosts_work_at_once(processes):
    async with running(Courier, Book) as swarm:
        courier, book = living("courier", 1)[0], living("book", 2)[0]
        await swarm.ask(book, Ping(n=1), reply=Pong)
        inbox = processes["host-2.1"].service.host.mesh._neighbours["host-1.1"].inbox
        take, sizes = inbox.take, []

        def counting(payload):
            sizes.append(len(payload[3][0]))
            take(payload)

        inbox.take = counting
        await swarm.ask(courier, Order(to=[book], count=1_000))
        await told(swarm, book, 1_000)
        assert sizes == [256, 256, 256, 232]


async def test_a_question_that_can_be_answered_at_once_is_answered_in_the_call_that_brought_it(processes):
    async with running(Courier, Plain) as swarm:
        asker, asked = living("courier", 1)[0], living("plain", 2)[0]
        await swarm.ask(asker, Ping(to=asked), reply=Pong)
        one, two = processes["host-1.1"], processes["host-2.1"]
        before = one.calls, two.calls
        for number in range(50):
            await swarm.ask(asker, Ping(to=asked, n=number), reply=Pong)
        assert (one.calls - before[0], two.calls - before[1]) == (50, 50)


async def test_a_post_crosses_to_a_host_once_however_many_follow(processes):
    async with running(Courier, Reader) as swarm:
        readers = [*living("reader", 1, 3), *living("reader", 2, 30)]
        await asyncio.gather(*(swarm.ask(reader, Stop()) for reader in readers))
        crossed = []
        inbox = processes["host-2.1"].service.host.mesh._neighbours["host-1.1"].inbox
        take = inbox.take

        def counting(payload):
            crossed.append(len(payload[3][0]))
            take(payload)

        inbox.take = counting
        await swarm.ask(living("courier", 1)[0], Say(text="news.today", n=10))
        for reader in readers:
            while (found := await swarm.ask(reader, Pong(), reply=Pong)).text != "10":
                pass
            assert found.n == 45
        assert sum(crossed) == 10


async def test_who_asked_a_host_that_dies_hears_so_and_its_agents_live_on_elsewhere(at_once, processes):
    events = []
    async with running(Courier, Slow, Plain, on_event=lambda name, data: events.append(name)) as swarm:
        asker, slow, plain = living("courier", 1)[0], living("slow", 2)[0], living("plain", 2)[0]
        assert (await swarm.ask(plain, Ping(), reply=Pong)).n == 1
        asked = asyncio.ensure_future(swarm.ask(slow, Say(text="a"), reply=Heard))
        await until(lambda: has_turns(swarm, "host-2.1"))
        processes["host-2.1"].kill()
        with pytest.raises(HostLost, match=r"host-2\.1"):
            await swarm.ask(asker, Ping(to=plain), reply=Pong)
        with pytest.raises(HostLost, match=r"host-2\.1, the host of slow/\d+, is gone"):
            await asked
        await until(lambda: answers(swarm, asker, plain))
        await until(lambda: is_up(swarm, "host-2.2"))
        assert "host_lost" in events


async def test_a_full_mailbox_on_another_host_holds_its_senders(processes):
    async with running(Courier) as swarm:
        swarm.add(Slow, mailbox=5)
        slow = living("slow", 2)[0]
        with pytest.raises(MailboxFull, match=f"{slow} is full"):
            for _ in range(20):
                await swarm.tell(slow, Say(text="a"))
        courier = living("courier", 1)[0]
        await swarm.ask(courier, Order(to=[slow]))
        held = asyncio.ensure_future(swarm.ask(courier, Order(to=[slow])))
        done, _ = await asyncio.wait([held], timeout=0.2)
        assert not done
        held.cancel()


async def test_a_message_that_does_not_fit_its_class_is_a_dead_letter_and_harms_no_other():
    async with running(Liar, Book) as swarm:
        book = living("book", 2)[0]
        await swarm.ask(living("liar", 1)[0], Order(to=[book]))
        assert await told(swarm, book, 2) == ["before", "after"]
        assert (await swarm.report()).dead_letters == {"malformed": 2}


@pytest.mark.parametrize("ceiling", [50, 401])
async def test_the_ceiling_holds_for_all_hosts_together(ceiling):
    async with running(Courier, Book, budget=Budget(messages=ceiling)) as swarm:
        couriers = [*living("courier", 1, 3), *living("courier", 2, 3)]
        books = [*living("book", 1), *living("book", 2)]
        while swarm.stopped is None:
            asks = (swarm.ask(courier, Order(to=books)) for courier in couriers)
            await asyncio.gather(*asks, return_exceptions=True)
        report = await swarm.report()
        assert report.stop_reason == "budget"
        assert ceiling - 3 <= report.messages <= ceiling


async def test_members_of_a_pool_live_on_all_hosts_and_none_waits_while_one_is_free(processes):
    async with running(Relay, Slow, Echo) as swarm:
        stuck = [asyncio.ensure_future(swarm.ask("relay", Say(text="slow"), reply=Heard)) for _ in range(15)]
        assert (await swarm.ask("relay", Say(text="echo"), reply=Heard, timeout_s=5)).text == "relayed!"
        for name in ("host-1.1", "host-2.1"):
            assert sum(agent.startswith("relay/pool.") for agent in processes[name].service.host.places) >= 4
        for ask in stuck:
            ask.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_an_answer_that_cannot_be_encoded_is_an_error_for_who_asked():
    async with running(Liar, Courier) as swarm:
        with pytest.raises(Malformed, match="cannot be encoded"):
            await swarm.ask(living("courier", 1)[0], Ping(to=living("liar", 2)[0]), reply=Pong)


class Waiter(Agent):
    """Asks the next, who asks the next, and waits for the answer."""

    @handles
    async def wait(self, order: Order, ctx: Context) -> None:
        await ctx.ask(order.to[0], Order(to=[*order.to[1:], order.to[0]]), timeout_s=15)


class Sleeper(Agent):
    """Answers after a while: longer than it takes to report a wait."""

    @handles
    async def sleep(self, _: Order) -> None:
        await asyncio.sleep(0.4)


class Thanker(Agent):
    """Thanks whoever is next, for ever."""

    @handles
    def thank(self, order: Order, ctx: Context) -> None:
        ctx.tell(order.to[0], Order(to=[*order.to[1:], order.to[0]]))


class Runner(Agent):
    """Passes a token on once round, counting."""

    @handles
    def run(self, order: Order, ctx: Context) -> None:
        if order.count < len(order.to):
            ctx.tell(order.to[order.count], Order(to=order.to, count=order.count + 1))
        else:
            ctx.tell("client/main", Say(text="round"))


@pytest.mark.parametrize("hosts", [2, 3])
async def test_a_loop_over_several_hosts_is_quarantined_on_all_of_them(hosts, processes):
    verdicts = []

    def heard(event, data):
        if event == "verdict":
            verdicts.append(data)

    plant = Plant(engine="local", hosts=hosts)
    async with Swarm(plant=plant, durable=False, on_event=heard) as swarm:
        swarm.add(Thanker)
        ring = [living("thanker", number, hosts=hosts)[0] for number in range(1, hosts + 1)]
        talk = await swarm.tell(ring[0], Order(to=[*ring[1:], ring[0]]))
        await until(lambda: quarantined(swarm))
        assert {verdict["action"] for verdict in verdicts} <= {"warn", "quarantine"}
        assert verdicts[-1]["conversation"] == talk
        assert set(verdicts[-1]["agents"]) == set(ring)
        assert verdicts[-1]["count"] < 64
        await asyncio.gather(*(swarm.ask(one, Order(to=["nobody"])) for one in ring))  # another conversation goes on
        for number in range(1, hosts + 1):
            talks = processes[f"host-{number}.1"].service.host.mesh._talks
            assert len(talks._ended) == 1


async def quarantined(swarm):
    return (await swarm.report()).dead_letters.get("quarantined")


async def test_a_token_that_passes_many_agents_on_several_hosts_is_no_loop():
    verdicts, done = [], asyncio.Event()

    def heard(event, data):
        if event == "verdict":
            verdicts.append(data)
        elif event == "told":
            done.set()

    async with running(Runner, on_event=heard) as swarm:
        ring = [f"runner/{number}" for number in range(400)]
        await swarm.tell(ring[0], Order(to=ring))
        await asyncio.wait_for(done.wait(), 20)
    assert verdicts == []


async def test_agents_on_different_hosts_that_wait_for_each_other_are_found():
    verdicts = []

    def heard(event, data):
        if event == "verdict":
            verdicts.append(data)

    async with running(Waiter, on_event=heard) as swarm:
        one, two = living("waiter", 1)[0], living("waiter", 2)[0]
        with pytest.raises(Quarantined, match="deadlock"):
            await swarm.ask(one, Order(to=[two, one]), timeout_s=20)
    assert [(verdict["action"], verdict["reason"]) for verdict in verdicts] == [("quarantine", "deadlock")]
    assert set(verdicts[0]["agents"]) == {one, two}


async def test_agents_that_only_take_their_time_are_no_deadlock():
    verdicts = []

    def heard(event, data):
        if event == "verdict":
            verdicts.append(data)

    async with running(Waiter, Sleeper, on_event=heard) as swarm:
        sleepers = [*living("sleeper", 1), *living("sleeper", 2)]
        waiters = [*living("waiter", 1, 3), *living("waiter", 2, 3)]
        asks = (swarm.ask(waiter, Order(to=[sleepers[n % 2]])) for n, waiter in enumerate(waiters))
        await asyncio.gather(*asks)
    assert verdicts == []
