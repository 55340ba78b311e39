"""A swarm without a journal over several processes: what crosses, and what a death costs."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from stigmergy.protocols import HandlerFailed, HostLost
from stigmergy.runtime import Plant, Swarm
from tests.cluster.cast import Clockwork
from tests.runtime.cast import Echo, Fickle, Heard, Say, Slow
from tests.runtime.volatile.company import Asker, Patient, Ping, Plain, Pong
from tests.runtime.volatile.test_hosts import Book, Courier, Order, told
from tests.runtime.volatile.test_moving import (
    LIMITS,
    NOTES,
    READERS,
    WRITERS,
    Reader,
    Write,
    Writer,
    all_heard,
    by_writer,
)
from tests.runtime.volatile.world import living

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


async def test_the_same_agents_run_on_several_hosts_without_a_journal():
    async with Swarm(durable=False, engine="ray") as swarm:
        swarm.add(Book, mailbox=10_000)
        for kind in (Asker, Clockwork, Courier, Echo, Fickle, Patient, Plain):
            swarm.add(kind)
        for asked in ("plain", "patient"):
            assert await swarm.ask("asker/1", Ping(n=30, to=asked), reply=Pong) == Pong(
                n=3 * sum(range(1, 11)), text="asker/1"
            )
        assert (await swarm.ask("echo", Say(text="a"), reply=Heard)).text == "a!"
        assert (await swarm.ask("clockwork", Say(text="on"), reply=Heard)).text == "on uvloop"
        couriers, book = living("courier", 1, 5), living("book", 2)[0]
        await asyncio.gather(*(swarm.ask(courier, Order(to=[book], count=1_000)) for courier in couriers))
        heard = await told(swarm, book, 5_000)
        for courier in couriers:
            key = courier.partition("/")[2]
            assert [one for one in heard if one.startswith(f"{key}:")] == [f"{key}:{n}" for n in range(1_000)]
        with pytest.raises(HandlerFailed, match="RuntimeError: attempt 3 of 9"):
            await swarm.ask("fickle/1", Say(text="a", n=9), reply=Heard)


async def test_hosts_that_come_one_after_the_other_all_know_each_other():
    async with Swarm(durable=False, plant=Plant(engine="ray", hosts=4)) as swarm:
        swarm.add(Asker)
        swarm.add(Plain)
        answers = [swarm.ask(f"asker/{n}", Ping(n=3, to="plain"), reply=Pong) for n in range(16)]
        assert {answer.text for answer in await asyncio.gather(*answers)} == {f"asker/{n}" for n in range(16)}


async def test_who_asked_a_process_that_was_killed_hears_so_and_a_new_one_takes_its_place():
    lost, replaced = [], asyncio.Event()

    def heard(event, data):
        if event == "host_lost":
            lost.append(data["host"])
        elif event == "host_started" and data["host"] == "host-2.2":
            replaced.set()

    plant = Plant(engine="ray", hosts=2)
    async with Swarm(durable=False, plant=plant, on_event=heard) as swarm:
        swarm.add(Slow)
        swarm.add(Plain)
        slow, plain = living("slow", 2)[0], living("plain", 2)[0]
        asked = asyncio.ensure_future(swarm.ask(slow, Say(text="a"), reply=Heard))
        for n in range(1, 4):
            assert (await swarm.ask(plain, Ping(), reply=Pong)).n == n
        os.kill((await swarm.processes())["host-2.1"]["pid"], signal.SIGKILL)
        with pytest.raises(HostLost, match=f"the host of {slow}, is gone"):
            await asked
        await asyncio.wait_for(replaced.wait(), 60)
        assert (await swarm.ask(plain, Ping(), reply=Pong)).n == 1
        assert lost == ["host-2.1"]


async def test_agents_move_between_processes_while_everybody_writes_to_them():
    async with Swarm(durable=False, plant=Plant(engine="ray", hosts=2, limits=LIMITS)) as swarm:
        swarm.add(Reader)
        swarm.add(Writer)
        for reader in range(READERS):
            await swarm.ask(f"reader/{reader}", Pong())
        for writer in range(WRITERS):
            await swarm.tell(f"writer/{writer}", Write(left=NOTES, posts=True))
        await swarm.move("reader/0", "host-2")
        await swarm.move("writer/0", "host-1")
        assert await swarm.grow() == ["host-3"]
        await swarm.move("reader/0", "host-3")
        await swarm.move("reader/0", "host-1")
        while any(sum(map(len, by_writer(heard.notes).values())) < WRITERS * NOTES for heard in await all_heard(swarm)):
            pass  # each look takes a few milliseconds
        for heard in await all_heard(swarm):
            assert by_writer(heard.notes) == {str(writer): list(range(NOTES)) for writer in range(WRITERS)}
            assert by_writer(heard.posts) == {str(writer): list(range(NOTES // 2)) for writer in range(WRITERS)}
        assert (await swarm.report()).dead_letters == {}
