"""What a swarm without a journal promises: the same as a durable one, but for a crash."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from stigmergy.protocols import (
    Budget,
    DeadlineExceeded,
    HandlerFailed,
    MailboxFull,
    NoSuchAgent,
    Quarantined,
    SwarmStopped,
    UsageError,
)
from stigmergy.protocols.errors import ToolRefused, UnknownMessage
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles

from ..cast import Diary, Echo, Heard, Relay, Ring, Say, Slow, Writer
from ..tools_cast import Order, Paid, Teller, effects
from .company import (
    Asker,
    Buyer,
    Chatty,
    Clumsy,
    Gossip,
    Patient,
    Ping,
    Plain,
    Pong,
    Reader,
    Spender,
    Starter,
    Stillborn,
    Stop,
    Tally,
)


@pytest.fixture(params=[1, 3], ids=["one host", "three hosts"])
def running(request):
    """Swarms of some kinds: what they promise does not depend on how many hosts there are."""

    @asynccontextmanager
    async def running(*kinds, **options):
        async with Swarm(plant=Plant(engine="local", hosts=request.param), durable=False, **options) as swarm:
            for kind in kinds:
                swarm.add(kind)
            yield swarm

    return running


async def quiet(swarm):
    """Nothing waits. Hosts are asked one by one, so what is on its way between two may be missed once, not thrice."""
    async with asyncio.timeout(60):
        seen = 0
        while seen < 3:
            seen = 0 if (await swarm.counts())["waiting"] else seen + 1
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("to", ["echo/one", "echo", "skill:echo"])
async def test_an_ask_is_answered_by_agent_by_kind_and_by_skill(running, to):
    async with running(Echo) as swarm:
        assert await swarm.ask(to, Say(text="a"), reply=Heard) == Heard(text="a!", n=1)
        assert (await swarm.ask(to, Say(text="a"), reply=Heard)).n == 2


@pytest.mark.parametrize("kind", [Plain, Patient])
async def test_an_agent_handles_one_message_at_a_time(running, kind):
    async with running(kind, Asker) as swarm:
        name = kind.__name__.lower()
        heard = await swarm.ask("asker/1", Ping(n=30, to=name), reply=Pong)
        assert heard == Pong(n=3 * sum(range(1, 11)), text="asker/1")


async def test_a_reentrant_agent_starts_once_and_takes_others_while_it_waits(running):
    async with running(Starter, Asker) as swarm:
        assert (await swarm.ask("asker/1", Ping(n=9, to="starter"), reply=Pong)).n == 9


async def test_what_an_agent_is_told_it_handles_in_order(running):
    async with running(Diary) as swarm:
        for number in range(50):
            await swarm.tell("diary/one", Say(text=str(number)))
        heard = await swarm.ask("diary/one", Heard(text=""), reply=Heard)
        assert heard.text == ",".join(map(str, range(50)))


async def test_a_failed_turn_leaves_nothing_behind_and_is_tried_again(running):
    async with running(Clumsy, Plain) as swarm:
        assert await swarm.ask("clumsy/1", Ping(n=1), reply=Pong) == Pong(n=1, text="[2]")
        assert (await swarm.ask("plain/one", Ping(), reply=Pong)).n == 2  # told once, asked once


async def test_a_message_that_always_fails_is_dead_lettered_and_its_asker_is_told(running):
    async with running(Plain) as swarm:
        swarm.add(Clumsy, attempts=1)
        with pytest.raises(HandlerFailed, match="ValueError: clumsy"):
            await swarm.ask("clumsy/1", Ping(n=9), reply=Pong)
        assert (await swarm.report()).dead_letters == {"handler failed": 1}
        assert len(await swarm.read_topic("dead-letters")) == 1


async def test_a_message_for_an_agent_that_cannot_be_made_is_dead_lettered_and_its_host_goes_on(running):
    async with running(Plain) as swarm:
        swarm.add(Stillborn, attempts=1)
        await swarm.tell("stillborn/1", Ping())
        with pytest.raises(HandlerFailed, match="ValueError: no such luck"):
            await swarm.ask("stillborn/1", Ping(), reply=Pong, timeout_s=5)
        assert (await swarm.ask("plain/1", Ping(), reply=Pong)).n == 1
        await quiet(swarm)
        assert (await swarm.report()).dead_letters == {"handler failed": 2}


async def test_what_cannot_be_delivered_is_refused_or_buried(running):
    async with running(Echo) as swarm:
        with pytest.raises(NoSuchAgent, match="no kind 'nobody'"):
            await swarm.ask("nobody/1", Say(text="a"))
        with pytest.raises(UnknownMessage, match="echo does not accept Ping@1"):
            await swarm.ask("echo/1", Ping())
        assert (await swarm.report()).dead_letters == {"undeliverable": 2}


async def test_an_ask_has_a_deadline_and_a_turn_has_one(running):
    async with running() as swarm:
        swarm.add(Slow, turn_timeout_s=0.05, attempts=1)
        with pytest.raises(DeadlineExceeded, match="did not answer"):
            await swarm.ask("slow/1", Say(text="a"), reply=Heard, timeout_s=0.01)
        with pytest.raises(DeadlineExceeded, match=r"longer than 0\.05 s"):
            await swarm.ask("slow/2", Say(text="a"), reply=Heard, timeout_s=5)


class Hasty(Agent):
    """Asks somebody who does not answer."""

    @handles
    async def ask(self, ping: Ping, ctx: Context) -> Pong:
        try:
            return await ctx.ask(ping.to, Say(text="a"), reply=Pong, timeout_s=ping.n / 100)
        except DeadlineExceeded as late:
            return Pong(text=str(late))


@pytest.mark.parametrize("hundredths", [1, 100], ids=["met by a timer", "met by a sweep"])
async def test_the_answer_of_nobody_is_not_awaited_for_ever(running, hundredths):
    async with running(Hasty, Slow) as swarm:
        inside = asyncio.ensure_future(swarm.ask("hasty/1", Ping(to="slow/2", n=hundredths), reply=Pong))
        with pytest.raises(DeadlineExceeded) as late:
            await swarm.ask("slow/1", Say(text="a"), reply=Heard, timeout_s=hundredths / 100)
        said = [str(late.value), (await inside).text]
        assert said == [f"slow/{n} did not answer within {hundredths / 100:g} s" for n in (1, 2)]


async def test_a_full_mailbox_refuses_callers_from_outside(running):
    async with running() as swarm:
        swarm.add(Slow, mailbox=5)
        with pytest.raises(MailboxFull, match=r"slow/one is full .* larger `mailbox`"):
            for _ in range(20):
                await swarm.tell("slow/one", Say(text="a"))


async def test_a_slow_answer_does_not_hold_up_a_pool(running):
    async with running(Relay, Slow, Echo) as swarm:
        stuck = [asyncio.ensure_future(swarm.ask("relay", Say(text="slow"), reply=Heard)) for _ in range(8)]
        assert (await swarm.ask("relay", Say(text="echo"), reply=Heard, timeout_s=5)).text == "relayed!"
        for ask in stuck:
            ask.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_post_reaches_every_follower_of_its_topic(running):
    async with running(Reader) as swarm:
        for key in "abc":
            await swarm.ask(f"reader/{key}", Stop())
        for n in (1, 2):
            await swarm.post("news.today", Ping(n=n))
        await swarm.post("olds", Ping(n=100))
        await quiet(swarm)
        for key in "abc":
            assert await swarm.ask(f"reader/{key}", Pong(), reply=Pong) == Pong(n=3, text="2")


async def test_facts_trails_and_writes_reach_the_blackboard(running):
    async with running(Writer) as swarm:
        await swarm.ask("writer", Say(text="k", n=5), reply=Heard)
        fact = await swarm.facts.get("k")
        assert (fact.value, fact.version) == (5, 1)
        assert (await swarm.facts.get("k.late")).value == 5


async def test_agents_that_wait_for_each_other_are_found_at_once(running):
    events = []
    async with running(Ring, on_event=lambda name, data: events.append((name, data))) as swarm:
        with pytest.raises(Quarantined, match="deadlock"):
            await swarm.ask("ring/a", Say(text="go"), reply=Heard, timeout_s=20)
    assert [data["reason"] for name, data in events if name == "verdict"] == ["deadlock"]


async def test_a_chat_without_end_is_quarantined_and_others_go_on(running):
    verdicts = []
    async with running(
        Chatty, on_event=lambda name, data: verdicts.append(data) if name == "verdict" else None
    ) as swarm:
        await swarm.tell("chatty/a", Ping(to="x"))
        async with asyncio.timeout(60):
            while not (await swarm.counts())["dead_letters"]:
                pass  # each look lets the hosts go on
        await quiet(swarm)
        counts = await swarm.counts()
        assert counts["dead_letters"] == {"quarantined": 1}
        assert counts["stopped"] is None
    assert verdicts[-1]["action"] == "quarantine"
    assert set(verdicts[-1]["agents"]) == {"chatty/a", "chatty/b"}


async def test_asking_the_same_for_ever_in_one_turn_is_quarantined(running):
    async with running(Asker, Plain) as swarm:
        with pytest.raises(Quarantined, match="10 times the same"):
            await swarm.ask("asker/1", Pong(), reply=Pong)


async def test_gossip_is_no_loop(running):
    verdicts = []
    async with running(
        Gossip, Tally, seed=3, on_event=lambda name, data: verdicts.append(data) if name == "verdict" else None
    ) as swarm:
        await swarm.tell("gossip/0", Ping(n=500))
        await quiet(swarm)
        heard = (await swarm.ask("tally/all", Ping(), reply=Pong)).n
    assert heard > 400
    assert verdicts == []


@pytest.mark.parametrize("ceiling", [7, 101, 300])
async def test_the_message_ceiling_is_reached_exactly_and_never_passed(running, ceiling):
    async with running(Echo, budget=Budget(messages=ceiling)) as swarm:
        answered = 0
        with pytest.raises(SwarmStopped) as stop:
            while True:
                await swarm.ask("echo/1", Say(text="a"), reply=Heard)
                answered += 1
        assert stop.value.reason == "budget"
        report = await swarm.report()
        assert (answered, report.messages) == (ceiling // 2, ceiling)
        assert report.stop_reason == "budget"


async def test_a_turn_that_wants_to_send_more_than_there_is_sends_nothing(running):
    async with running(Spender, Tally, budget=Budget(messages=100)) as swarm:
        await swarm.tell("spender/1", Ping(n=90))
        await quiet(swarm)
        await swarm.tell("spender/1", Ping(n=20))
        await quiet(swarm)
        report = await swarm.report()
        assert (report.messages, report.stop_reason) == (92, "budget")


async def test_without_a_journal_there_is_no_folder():
    with pytest.raises(UsageError, match="keeps no journal"):
        Swarm(durable=False, journal="runs/")


async def test_tools_work_but_for_those_that_a_journal_has_to_remember(running, tmp_path):
    witness = str(tmp_path / "effects")
    async with running(Teller) as swarm:
        for name in ("book", "look"):
            said = await swarm.ask("teller/1", Order(witness=witness, tool=name), reply=Paid)
            assert said.text.startswith(("1 of 1", "['0 1'] of 2"))
        said = await swarm.ask("teller/1", Order(witness=witness), reply=Paid)
        assert said.text.startswith("ToolRefused: credit is irreversible, and a volatile swarm remembers nothing")
        assert (await swarm.request("ledger", ["position", "swarm"]))["settled"]["tool_calls"] == 2
    assert effects(witness) == ["0 1"]


async def test_without_a_journal_a_swarm_is_local_unless_it_is_told_otherwise():
    async with Swarm(durable=False) as swarm:
        swarm.add(Echo)
        assert (await swarm.ask("echo/1", Say(text="a"), reply=Heard)).n == 1


async def test_what_cannot_be_undone_is_refused(running):
    async with running(Buyer) as swarm:
        with pytest.raises(ToolRefused, match="buy is irreversible"):
            await swarm.ask("buyer/1", Ping())


async def test_an_answer_that_is_no_message_is_its_handlers_error(running):
    async with running(Buyer, Plain) as swarm:
        with pytest.raises(UsageError, match=r" at \w+\.py:\d+ in \w+: \w+\.\w+ returned str, no Message"):
            await swarm.ask("buyer/1", Pong())
        assert (await swarm.ask("plain/1", Ping(), reply=Pong)).n == 1
