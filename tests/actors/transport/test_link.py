"""Links over a bad way: calls that fail after they were executed, or before, or never come back."""

from __future__ import annotations

import asyncio
import gc
import random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgpack import ExtType

from stigmergy.actors.clock import Clock
from stigmergy.actors.transport import handles
from stigmergy.actors.transport import link as link_module
from stigmergy.actors.transport.channel import MAX_EARLY, open_batch
from stigmergy.actors.transport.frames import ASK
from stigmergy.actors.transport.handles import RayProcess
from stigmergy.actors.transport.link import Endpoint, Link, PeerGone, PeerUnavailable
from stigmergy.actors.transport.slot import Slot
from stigmergy.actors.volatile.line import Line
from stigmergy.actors.volatile.service import VolatileService
from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import BudgetExhausted, DeadlineExceeded, Malformed
from stigmergy.runtime.client import Client


class Answering:
    """An endpoint that answers what it is asked, and remembers it."""

    def __init__(self, name):
        self.endpoint = Endpoint(name, self.on_frames)
        self.heard = []
        self.lost = []

    def on_frames(self, link, frames):
        for verb, ticket, name, payload in frames:
            self.heard.append(payload)
            if verb == ASK and name == "fail":
                link.fail(ticket, BudgetExhausted("swarm", "usd", 1.0, 0.5, 2.0))
            elif verb == ASK and name != "ignore":
                link.answer(ticket, payload)

    async def receive(self, data):
        link = self.endpoint.arrive(data)
        return b"" if link is None else link.take()

    def on_lost(self, peer, reason):
        self.lost.append((peer, reason))


class BadWay:
    """Loses calls on the way there and on the way back."""

    def __init__(self, target, seed, share):
        self._target, self._chance, self._share = target, random.Random(seed), share

    async def receive(self, data):
        if self._chance.random() < self._share:
            raise PeerUnavailable("lost on the way there")
        back = await self._target.receive(data)
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)
        if self._chance.random() < self._share:
            raise PeerUnavailable("lost on the way back")
        return back


def pair(way_there=None, way_back=None):
    one, two = Answering("one"), Answering("two")
    there = one.endpoint.connect("two", way_there(two) if way_there else two, one.on_lost)
    two.endpoint.connect("one", way_back(one) if way_back else one, two.on_lost)
    return one, two, there


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(link_module, "RETRY_S", (0.0,) * 40)
    monkeypatch.setattr(link_module, "SILENCE_S", 0.0)


async def test_asks_are_answered_each_with_its_own_answer():
    _, _, link = pair()
    assert await asyncio.gather(*(link.ask("say", n) for n in range(500))) == list(range(500))


@pytest.mark.parametrize("seed", range(20))
async def test_lost_calls_are_made_again_and_nothing_is_handled_twice(seed, impatient):
    _, two, link = pair(lambda target: BadWay(target, seed, 0.3), lambda target: BadWay(target, seed + 1, 0.3))
    asks = [link.ask("say", n) for n in range(100)]
    for _ in range(200):
        await asyncio.sleep(0)
        link.resend_if_silent(1.0)
        two.endpoint.links["one"].resend_if_silent(1.0)
    assert await asyncio.wait_for(asyncio.gather(*asks), 10) == list(range(100))
    assert two.heard == list(range(100))


async def test_an_error_arrives_as_itself():
    _, _, link = pair()
    with pytest.raises(BudgetExhausted) as caught:
        await link.ask("fail")
    assert (caught.value.account, caught.value.available) == ("swarm", 0.5)


async def test_a_question_that_cannot_be_read_is_refused_alone_and_those_beside_it_are_heard():
    one, two, link = pair()
    asked = [link.ask("echo", payload) for payload in (1, {"of": {5: 1}}, ExtType(1, b"x"), 2)]
    assert await asked[0] == 1
    with pytest.raises(Malformed, match="'echo' could not be read: map keys must be text, not int"):
        await asked[1]
    with pytest.raises(Malformed, match="'echo' could not be read: .*extension type 1"):
        await asked[2]
    assert await asked[3] == 2
    assert await link.ask("echo", "later") == "later"
    assert (two.heard, one.lost, two.lost) == ([1, 2, "later"], [], [])


async def test_an_answer_that_cannot_be_read_fails_the_question_alone():
    one, two, link = pair()
    two.endpoint.links["one"].answer = lambda ticket, value: Link.answer(
        two.endpoint.links["one"], ticket, {value: 0} if value == 1 else value
    )
    first, second = link.ask("echo", 1), link.ask("echo", 2)
    with pytest.raises(Malformed, match="the answer could not be read: map keys must be text, not int"):
        await first
    assert await second == 2
    assert (one.lost, two.lost) == ([], [])


def test_what_nobody_waits_for_and_nobody_can_read_is_refused_with_all_of_its_batch():
    two = Answering("two")
    two.endpoint.connect("one", two, two.on_lost)
    with pytest.raises(Malformed, match="map keys must be text, not int"):
        two.endpoint.arrive(pack(["one", 1, 0, [[0, 0, "say", "good"], [0, 0, "say", {5: 1}]]]))
    assert two.heard == []


async def test_an_ask_that_is_never_answered_ends():
    _, _, link = pair()
    with pytest.raises(DeadlineExceeded, match="two did not answer 'ignore' within 0.01 s"):
        await link.call("ignore", timeout_s=0.01)


NO_FRAMES: list[Any] = [
    5,
    None,
    [1, 2, 3],
    [0, 0, "say", None, None],
    [4, 0, "say", None],
    [-1, 0, "say", None],
    [True, 0, "say", None],
    [[], 0, "say", None],
    [0, [], "say", None],
    [0, 0, b"say", None],
    [3, 1, "", 7],
    [3, 1, "", ["BudgetExhausted"]],
]


@pytest.mark.parametrize("bad", NO_FRAMES, ids=repr)
def test_a_batch_that_holds_what_is_no_frame_is_refused_whole_each_time_and_counts_as_not_come(bad):
    two = Answering("two")
    two.endpoint.connect("one", two, two.on_lost)
    good = [0, 0, "say", "good"]
    for _ in range(2):
        with pytest.raises(Malformed, match="no frame"):
            two.endpoint.arrive(pack(["one", 1, 0, [good, bad, good]]))
    assert two.heard == []
    two.endpoint.arrive(pack(["one", 1, 0, [good, good]]))
    assert two.heard == ["good", "good"]


async def test_a_peer_that_is_gone_fails_what_waits_and_is_told_once():
    class Gone:
        async def receive(self, data):
            raise PeerGone("its process has ended")

    one, _, link = pair(lambda _: Gone())
    with pytest.raises(PeerGone, match="its process has ended"):
        await link.ask("say", 1)
    assert one.lost == [("two", "its process has ended")]
    with pytest.raises(PeerGone):
        await link.ask("say", 2)


async def test_a_peer_that_does_not_know_us_counts_as_lost():
    one, two, link = pair()
    two.endpoint.disconnect("one")
    with pytest.raises(PeerGone, match="does not know us"):
        await link.ask("say", 1)
    assert len(one.lost) == 1


class AtOnce:
    """A way whose calls leave when they are made, not when they are awaited."""

    def __init__(self, target):
        self._target, self.left = target, 0

    def receive(self, data):
        self.left += 1
        return self._target.receive(data)


async def test_a_batch_leaves_before_whatever_else_is_ready_to_run():
    left_first: list[int] = []
    _, _, link = pair(AtOnce)
    answer = link.ask("say", 1)
    asyncio.get_running_loop().call_soon(lambda: left_first.append(link._handle.left))
    assert await answer == 1
    assert left_first == [1]


async def test_a_call_that_was_cancelled_before_it_began_leaves_nothing_behind():
    _, two, link = pair(AtOnce)
    link.tell("say", 1)
    await asyncio.sleep(0)  # it has left, and nobody has awaited it
    link.close()
    await asyncio.sleep(0)
    gc.collect()  # a coroutine that was never awaited would say so here, and warnings are errors
    assert two.heard == []


def volatile_driver(name: str) -> VolatileService:
    """A driver's own host, without any agents."""
    host: Any = SimpleNamespace(purse=SimpleNamespace(of=lambda _: None), parts={}, mesh=None, later=[])
    return VolatileService(name, host, Line(name), "run", host.purse.of)


def durable_driver(name: str) -> Client:
    return Client(name, "run", lambda *_: None, Clock())


@pytest.mark.parametrize("driver", [durable_driver, volatile_driver])
async def test_who_only_listens_confirms_once_for_all_that_it_collects_and_nothing_is_sent_again(driver):
    slot, two = Slot(), Answering("two")
    calls: list[int] = []
    client = driver("client/one")
    link = two.endpoint.connect("client/one", slot, two.on_lost)

    class Counted:
        async def receive(self, data):
            calls.append(open_batch(data)[1])
            return await two.receive(data)

    client.attach("two", Counted())
    for number in range(3):
        link.tell("event", ["happened", {"n": number}])
        for _ in range(3):
            await asyncio.sleep(0)
    batches = await slot.collect(1.0)
    for data in batches:
        client.deliver(data)
    for _ in range(9):
        await asyncio.sleep(0)
    assert (len(batches), calls) == (3, [0])
    link.resend_if_silent(1_000.0)
    link.resend_if_silent(2_000.0)
    assert await slot.collect(0.0) == []


async def test_nothing_is_sent_again_while_a_call_is_under_way_however_long_it_takes():
    calls, answered = [], asyncio.Event()

    class Busy:
        async def receive(self, data):
            calls.append(open_batch(data)[1])
            await answered.wait()
            return pack(["two", 0, 1, []])

    one = Answering("one")
    link = one.endpoint.connect("two", Busy(), one.on_lost)
    link.tell("say", 1)
    for second in range(0, 100, 10):
        await turns_of_the_loop()
        link.resend_if_silent(float(second))
    answered.set()
    await turns_of_the_loop()
    link.resend_if_silent(110.0)
    link.resend_if_silent(120.0)
    await turns_of_the_loop()
    assert calls == [1]


async def turns_of_the_loop(number=3):
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_peer_whose_poll_was_lost_hears_all_of_it_though_far_more_than_it_may_keep_was_sent_behind_it():
    slot, board, driver, events = Slot(), Answering("board"), Answering("client/one"), 2 * MAX_EARLY
    link = board.endpoint.connect("client/one", slot, board.on_lost)
    driver.endpoint.connect("board", board, driver.on_lost)

    async def poll():
        for data in await slot.collect(0.0):
            driver.endpoint.arrive(data)
            driver.endpoint.links["board"].confirm()
        await turns_of_the_loop()

    link.tell("event", 0)
    await turns_of_the_loop()
    await slot.collect(0.0)  # carried out, and its answer lost
    for number in range(1, events):
        link.tell("event", number)
        await turns_of_the_loop()
        await poll()
    assert driver.heard == []
    link.resend_if_silent(10.0)
    link.resend_if_silent(20.0)
    while slot._batches or link.pending:
        await turns_of_the_loop()
        await poll()
    assert driver.heard == list(range(events))
    assert (board.lost, driver.lost) == ([], [])


async def one_batch_too_many() -> tuple[Slot, Answering, Link]:
    """A link to a driver, with one batch more than may be under way unconfirmed."""
    slot, board = Slot(), Answering("board")
    link = board.endpoint.connect("client/one", slot, board.on_lost)
    for number in range(MAX_EARLY + 1):
        link.tell("event", number)
        await turns_of_the_loop()
    return slot, board, link


async def test_what_waits_for_room_behind_unconfirmed_batches_goes_with_the_next_confirmation():
    slot, board, link = await one_batch_too_many()
    assert (len(await slot.collect(0.0)), link.pending) == (MAX_EARLY, 1)
    assert open_batch(link.take())[1] == 0
    board.endpoint.arrive(pack(["client/one", 0, 1, []]))
    await turns_of_the_loop()
    assert [open_batch(data)[1] for data in await slot.collect(0.0)] == [MAX_EARLY + 1]


async def test_who_waits_for_room_still_confirms_what_it_hears():
    slot, board, link = await one_batch_too_many()
    await slot.collect(0.0)
    board.endpoint.arrive(pack(["client/one", 1, 0, [[0, 0, "say", "heard"]]]))
    link.confirm()
    await turns_of_the_loop()
    assert [open_batch(data)[1:3] for data in await slot.collect(0.0)] == [(0, 1)]


async def test_what_is_sent_again_waits_in_a_slot_once():
    slot, one = Slot(), Answering("one")
    link = one.endpoint.connect("two", slot, one.on_lost)
    link.tell("event", 1)
    for second in range(0, 100, 10):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        link.resend_if_silent(float(second))
    assert len(await slot.collect(0.0)) == 1


async def test_a_driver_whose_poller_hears_nonsense_is_told_that_it_has_lost_its_peer(monkeypatch):
    lost: list[tuple[str, str]] = []

    class Confused:
        def deliver(self, data):
            raise Malformed("peer is 300 batches ahead of batch 1")

        def lost(self, peer, reason):
            lost.append((peer, reason))

    async def reach(*_):
        return [b"batch"]

    monkeypatch.setattr(handles, "reach", reach)
    process = SimpleNamespace(name="board", actor=SimpleNamespace(poll=SimpleNamespace(remote=lambda _: None)))
    await asyncio.wait_for(RayProcess._poll(cast("Any", process), "client/main", cast("Any", Confused())), 10)
    assert [peer for peer, _ in lost] == ["board"]
    assert "300 batches ahead" in lost[0][1]
