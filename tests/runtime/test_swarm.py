"""What a swarm promises, on the local engine: the same classes as on Ray, in one process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stigmergy.actors.journal.sqlite import SqliteJournal
from stigmergy.protocols import (
    Budget,
    DeadlineExceeded,
    HandlerFailed,
    MailboxFull,
    Malformed,
    NoSuchAgent,
    Quarantined,
    SwarmStopped,
    UsageError,
    skill,
)
from stigmergy.protocols.errors import NonDeterministic, StorageFull, UnknownMessage
from stigmergy.protocols.kind import Resources
from stigmergy.runtime import Plant, Swarm

from .cast import (
    Broken,
    Diary,
    Echo,
    Fickle,
    Follower,
    Heard,
    Liar,
    Payer,
    Relay,
    Ring,
    Say,
    Slow,
    Unknown,
    Wandering,
    Writer,
)


@asynccontextmanager
async def running(*kinds, **options):
    async with Swarm(plant=Plant(engine="local", limits=options.pop("limits", {})), **options) as swarm:
        for kind in kinds:
            swarm.add(kind)
        yield swarm


async def test_an_ask_is_answered_by_agent_by_kind_and_by_skill():
    async with running(Echo) as swarm:
        assert await swarm.ask("echo/one", Say(text="a"), reply=Heard) == Heard(text="a!", n=1)
        assert await swarm.ask("echo", Say(text="b"), reply=Heard) == Heard(text="b!", n=1)
        assert (await swarm.ask(skill("echo"), Say(text="c"), reply=Heard)).text == "c!"


async def test_an_agent_keeps_its_state_between_messages():
    async with running(Echo) as swarm:
        counts = [(await swarm.ask("echo/one", Say(text="a"), reply=Heard)).n for _ in range(3)]
        assert counts == [1, 2, 3]


async def test_an_agent_handles_what_it_is_told_in_order():
    async with running(Diary) as swarm:
        for number in range(50):
            await swarm.tell("diary/one", Say(text=str(number)))
        heard = await swarm.ask("diary/one", Heard(text=""), reply=Heard)
        assert heard.text == ",".join(map(str, range(50)))


async def test_an_agent_asks_another_by_skill():
    async with running(Echo, Relay) as swarm:
        assert (await swarm.ask("relay", Say(text="skill:echo"), reply=Heard)).text == "relayed!"


@pytest.mark.parametrize(
    ("to", "error", "hint"),
    [
        ("nobody/1", NoSuchAgent, "no kind 'nobody'"),
        ("nobody", NoSuchAgent, "kinds: echo"),
        ("skill:flying", NoSuchAgent, "nobody has the skill 'flying'"),
    ],
)
async def test_an_unknown_address_is_told_at_once(to, error, hint):
    async with running(Echo) as swarm:
        with pytest.raises(error, match=hint):
            await swarm.ask(to, Say(text="a"), reply=Heard)


async def test_a_type_that_the_kind_does_not_accept_is_refused_when_it_is_sent():
    async with running(Echo) as swarm:
        with pytest.raises(UnknownMessage, match="echo does not accept Unknown@1; it accepts Say@1"):
            await swarm.ask("echo", Unknown())


async def test_an_answer_of_another_type_is_an_error_at_the_asker():
    async with running(Liar) as swarm:
        with pytest.raises(Malformed, match="answered with Say@1, not Heard@1"):
            await swarm.ask("liar", Say(text="a"), reply=Heard)


async def test_a_failed_turn_is_tried_again_and_leaves_nothing_of_its_first_attempts():
    async with running(Fickle, Diary) as swarm:
        heard = await swarm.ask("fickle/one", Say(text="a", n=3), reply=Heard)
        assert heard == Heard(text="attempt 3", n=1)  # the state of failed attempts was thrown away
        assert (await swarm.ask("diary/log", Heard(text=""), reply=Heard)).text == "attempt 3"


async def test_a_message_that_always_fails_is_dead_lettered_and_its_asker_is_told():
    async with running(Fickle, Diary) as swarm:
        with pytest.raises(HandlerFailed, match="RuntimeError: attempt 3 of 9"):
            await swarm.ask("fickle/one", Say(text="a", n=9), reply=Heard)
        assert (await swarm.report()).dead_letters == {"handler failed": 1}
        (dead,) = await swarm.read_topic("dead-letters")
        assert (dead.sender, dead.dead["reason"], dead.read(Say).text) == ("board", "handler failed", "a")
        assert (await swarm.ask("fickle/one", Say(text="b", n=1), reply=Heard)).n == 1


async def test_a_recorded_step_is_not_done_again_when_its_turn_is(tmp_path):
    async with running(Payer) as swarm:
        heard = await swarm.ask("payer", Say(text=str(tmp_path / "payments"), n=3), reply=Heard)
        assert heard.n == 1
        assert (tmp_path / "payments").read_text() == "paid\n"


async def test_a_turn_that_takes_another_road_on_replay_is_caught_and_the_step_named():
    async with running(Wandering) as swarm:
        with pytest.raises(NonDeterministic, match="step 0 .* was 'run:step-1' and is now 'run:step-2'"):
            await swarm.ask("wandering", Say(text="a"), reply=Heard)


async def test_an_agent_that_cannot_start_fails_its_message():
    async with running(Broken) as swarm:
        with pytest.raises(HandlerFailed, match="no start"):
            await swarm.ask("broken", Say(text="a"), reply=Heard)


async def test_an_ask_that_nobody_answers_ends_at_its_deadline():
    async with running(Slow) as swarm:
        with pytest.raises(DeadlineExceeded):
            await swarm.ask("slow", Say(text="a"), reply=Heard, timeout_s=0.3)


async def test_a_handler_that_takes_too_long_is_cancelled():
    async with Swarm(engine="local") as swarm:
        swarm.add(Slow, turn_timeout_s=0.2, attempts=1)
        with pytest.raises(DeadlineExceeded, match="longer than 0.2 s"):
            await swarm.ask("slow", Say(text="a"), reply=Heard)


async def test_agents_that_wait_for_each_other_are_found_at_once_and_named():
    events = []
    async with running(Ring, on_event=lambda name, data: events.append((name, data))) as swarm:
        with pytest.raises(Quarantined, match="deadlock"):
            await swarm.ask("ring/a", Say(text="go"), reply=Heard, timeout_s=20)
    verdicts = [data for name, data in events if name == "verdict"]
    assert verdicts[0]["reason"] == "deadlock"
    assert set(verdicts[0]["agents"]) == {"ring/a", "ring/b"}


async def test_a_post_reaches_every_follower_once():
    async with running(Follower) as swarm:
        for key in "abc":
            await swarm.ask(f"follower/{key}", Say(text="news"), reply=Heard)
        await swarm.post("news", Say(text="x", n=1))
        await swarm.post("news", Say(text="y", n=1))
        for key in "abc":
            heard = await swarm.ask(f"follower/{key}", Say(text="z", n=2), reply=Heard)
            assert heard.text == "x,y,z"


async def test_the_blackboard_keeps_facts_trails_and_posts():
    async with running(Writer) as swarm:
        assert (await swarm.ask("writer", Say(text="k", n=5), reply=Heard)).n == 1
        assert (await swarm.ask("writer", Say(text="k", n=6), reply=Heard)).n == 2
        fact = await swarm.facts.get("k")
        assert (fact.value, fact.version) == (6, 2)
        assert (await swarm.facts.get("k.late")).value == 6
        assert await swarm.trail("paths").read() == {"k": 5.0}
        assert len(await swarm.read_topic("news")) == 2


async def test_a_driver_takes_work_by_claim():
    async with running(Echo) as swarm:
        jobs = swarm.claims("jobs")
        assert await jobs.offer("one", b"payload")
        claim = await jobs.take()
        assert (claim.item, claim.payload) == ("one", b"payload")
        assert await jobs.take() is None
        await jobs.complete(claim)
        assert await jobs.waiting() == 0


async def test_the_message_ceiling_is_never_passed_and_stops_the_swarm():
    events = []
    async with running(Echo, budget=Budget(messages=101), on_event=lambda n, d: events.append((n, d))) as swarm:
        answered = 0
        with pytest.raises(SwarmStopped) as stop:
            for _ in range(200):
                await swarm.ask("echo", Say(text="a"), reply=Heard)
                answered += 1
        assert answered == 50  # two messages each; the 51st question was paid for, its answer was not
        assert stop.value.reason == "budget"
        report = await swarm.report()
        assert report.messages <= 101
        assert report.stop_reason == "budget"
    shares = [data["share"] for name, data in events if name == "budget_alert"]
    assert shares == [0.5, 0.8, 0.95, 1.0]


async def test_a_full_mailbox_refuses_callers_from_outside():
    async with Swarm(engine="local") as swarm:
        swarm.add(Slow, mailbox=5)
        with pytest.raises(MailboxFull, match=r"slow/one is full \(5 messages\): wait for answers before you"):
            for _ in range(20):
                await swarm.tell("slow/one", Say(text="a"))


async def test_a_kind_with_a_fault_is_refused_when_it_is_added():
    async with Swarm(engine="local") as swarm:
        with pytest.raises(UsageError, match="no option 'pol'"):
            swarm.add(Echo, pol=3)
        swarm.add(Echo)
        with pytest.raises(UsageError, match="a kind 'echo' already"):
            swarm.add(Echo)
        await swarm.start()
        with pytest.raises(UsageError, match="before the first message"):
            swarm.add(Diary)


async def test_slow_answers_do_not_hold_up_a_pool():
    async with running(Relay, Slow, Echo) as swarm:
        stuck = [asyncio.ensure_future(swarm.ask("relay", Say(text="slow"), reply=Heard)) for _ in range(8)]
        assert (await swarm.ask("relay", Say(text="echo"), reply=Heard, timeout_s=5)).text == "relayed!"
        for ask in stuck:
            ask.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_run_leaves_a_journal_that_can_be_opened(tmp_path):
    async with running(Echo, journal=tmp_path) as swarm:
        await swarm.ask("echo", Say(text="a"), reply=Heard)
        folder = swarm.folder
    journal = folder.path / "journal.db"
    assert (folder.place, journal.is_file()) == (str(journal), True)
    assert journal.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("agents", [("echo/on-1", "echo-on/1"), ("echo/" + "k" * 64, "echo-on/" + "k" * 64)])
async def test_agents_with_hosts_of_their_own_are_not_taken_for_each_other_and_may_have_any_key(agents):
    async with running() as swarm:
        for kind in ("echo", "echo-on"):
            swarm.add(Echo, kind=kind, resources=Resources(own_process=True))
        for agent in agents:
            assert (await swarm.ask(agent, Say(text="a"), reply=Heard, timeout_s=5)).text == "a!"


async def test_hosts_of_a_stopped_swarm_are_started_once_though_two_boards_die_in_a_row(tmp_path, monkeypatch):
    events: list[tuple[str, dict[str, object]]] = []
    append, fails = SqliteJournal.append, ["the first board", "the second"]
    monkeypatch.setattr("stigmergy.runtime.blueprint.random", SimpleNamespace(random=lambda: 0.0))  # without waiting

    def full(self, batch, at, epoch):
        if fails:
            fails.pop()
            raise StorageFull("no room")
        return append(self, batch, at, epoch)

    async with running(Echo, journal=tmp_path, on_event=lambda *event: events.append(event)) as swarm:
        await swarm.ask("echo", Say(text="a"), reply=Heard)
        await swarm.stop()
        monkeypatch.setattr(SqliteJournal, "append", full)
        await swarm.facts.put("key", 1)
        async with asyncio.timeout(10):
            while len([name for name, _ in events if name == "host_started"]) < 2:  # noqa: ASYNC110 - hooks are called
                await asyncio.sleep(0.01)
        names = [name for name in await swarm.processes() if name != "board"]
    assert not fails
    assert "host_failed" not in dict(events)
    assert names == ["host-1.2"]


def test_a_journal_without_a_name_is_refused_before_anything_is_written():
    with pytest.raises(UsageError, match="journal is empty text: give a folder or a URL, or None to keep nothing"):
        Swarm(journal="")


def test_a_model_that_is_only_named_is_refused_in_a_sentence():
    with pytest.raises(UsageError, match="the model 'writer' is 'claude'; give a ModelSpec"):
        Swarm(models=cast(Any, {"writer": "claude"}))
