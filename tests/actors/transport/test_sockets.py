"""Calls over sockets: whatever happens to a connection, each call has one outcome, and the links above lose nothing."""

from __future__ import annotations

import asyncio
import random
import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stigmergy.actors.transport import doors, greeting, sockets
from stigmergy.actors.transport.channel import MAX_BYTES, open_batch
from stigmergy.actors.transport.doors import Home
from stigmergy.actors.transport.frames import TELL
from stigmergy.actors.transport.framing import FEW, Frames
from stigmergy.actors.transport.greeting import GREETING, Guest, Porter
from stigmergy.actors.transport.link import RETRY_S, PeerUnavailable
from stigmergy.actors.transport.slot import Slot
from stigmergy.actors.transport.sockets import Caller, Direct, Listener
from stigmergy.protocols.errors import Malformed

from .test_link import Answering

HERE = Home("this machine", "127.0.0.1")
THERE = Home("another machine", "127.0.0.1")
CALL = 1


class Ray:
    """The way that a call takes when there is no socket."""

    def __init__(self, receive=None):
        self.calls = 0
        self._receive = receive

    async def receive(self, data):
        self.calls += 1
        return b"by ray" if self._receive is None else await self._receive(data)


class Service:
    """Gives back what it gets, in order or not, or never."""

    def __init__(self):
        self.answer = asyncio.Event()
        self.served = 0

    async def receive(self, data):
        self.served += 1
        if data == b"wait":
            await self.answer.wait()
        if data == b"nonsense":
            raise Malformed("not a batch")
        return data[::-1]


@pytest.fixture
async def service():
    return Service()


@pytest.fixture
async def listener(service):
    listener = Listener(service.receive, HERE)
    await listener.open()
    yield listener
    listener.close()
    await turns()


@pytest.fixture(params=[HERE, THERE], ids=["unix", "tcp"])
async def near(listener, request):
    near = Direct("two", Ray(), listener.door, request.param)
    await until(lambda: near.up)
    yield near
    near.close()
    await turns()


async def turns(count=9):
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition):
    while not condition():  # noqa: ASYNC110 - the other end is a socket
        await asyncio.sleep(0)


async def tried(direct):
    await direct._connecting


async def ended(direct):
    caller = direct._caller
    await until(lambda: caller._transport is None)


async def test_calls_are_answered_each_with_its_own_answer(near, service):
    calls = [asyncio.ensure_future(near.receive(data)) for data in (b"wait", b"abc", b"")]
    assert await asyncio.gather(*calls[1:]) == [b"cba", b""]
    service.answer.set()
    assert await calls[0] == b"tiaw"
    assert near._otherwise.calls == 0


async def test_the_largest_batch_goes_through(near):
    batch = (random.Random(1).randbytes(MAX_BYTES // 7) * 8)[:MAX_BYTES]
    assert await near.receive(batch) == batch[::-1]


async def test_what_the_other_end_raises_is_raised_here_and_the_connection_holds(near):
    with pytest.raises(Malformed, match="not a batch"):
        await near.receive(b"nonsense")
    assert await near.receive(b"abc") == b"cba"


async def test_when_the_connection_ends_calls_in_flight_are_of_unknown_outcome_and_later_ones_take_the_other_way(
    near, listener, service
):
    call = asyncio.ensure_future(near.receive(b"wait"))
    await until(lambda: service.served)
    listener.close()
    with pytest.raises(PeerUnavailable, match="two: the connection has ended"):
        await call
    assert await near.receive(b"abc") == b"by ray"
    service.answer.set()


async def test_a_call_that_is_not_answered_in_time_is_of_unknown_outcome_and_later_ones_take_the_other_way(
    near, service, monkeypatch
):
    with monkeypatch.context() as impatient:
        impatient.setattr(sockets, "CALL_TIMEOUT_S", 0.01)
        with pytest.raises(PeerUnavailable, match=r"two: no answer within 0.01 s"):
            await near.receive(b"wait")
    service.answer.set()
    assert await near.receive(b"abc") == b"by ray"


async def test_a_driver_that_hangs_is_not_lost_to_its_board(monkeypatch):
    async def hang(_data):
        await asyncio.Event().wait()

    driver = Listener(hang, HERE)
    await driver.open()
    monkeypatch.setattr(sockets, "CALL_TIMEOUT_S", 0.001)
    monkeypatch.setattr("stigmergy.actors.transport.link.RETRY_S", [0.0] * len(RETRY_S))
    board, slot = Answering("board"), Slot()
    near = Direct("client", slot, driver.door, HERE)
    to_driver = board.endpoint.connect("client", near, board.on_lost)
    await until(lambda: near.up)
    to_driver.tell("event", "news")
    ((_, _, _, frames),) = [open_batch(data) for data in await slot.collect(10)]
    assert frames == [[TELL, 0, "event", "news"]]
    assert not board.lost
    near.close()
    driver.close()
    await turns()


@pytest.mark.parametrize(("caller", "called"), [(Home("elsewhere", ""), HERE), (THERE, Home("this machine", ""))])
async def test_who_is_on_another_machine_and_knows_no_address_takes_the_other_way(service, caller, called):
    listener = Listener(service.receive, called)
    await listener.open()
    near = Direct("two", Ray(), listener.door, caller)
    await tried(near)
    assert await near.receive(b"abc") == b"by ray"
    listener.close()


async def test_who_cannot_have_a_socket_has_no_door_there(service):
    listener = Listener(service.receive, Home("this machine", "203.0.113.7"))  # an address of nobody: RFC 5737
    assert (listener.door.host, listener.door.port) == ("", 0)
    listener.close()


async def test_until_the_connection_is_up_calls_take_the_other_way(listener):
    near = Direct("two", Ray(), listener.door, HERE)
    assert await near.receive(b"abc") == b"by ray"
    await until(lambda: near.up)
    assert await near.receive(b"abc") == b"cba"
    near.close()


@pytest.mark.parametrize("home", [HERE, THERE], ids=["unix", "tcp"])
async def test_a_door_that_nobody_opens_is_passed_by(listener, home):
    nobody = listener.door._replace(near=f"{listener.door.near}-not", port=1)
    near = Direct("two", Ray(), nobody, home)
    await tried(near)
    assert await near.receive(b"abc") == b"by ray"


@pytest.mark.parametrize("opened", [False, True])
async def test_who_hangs_with_a_full_queue_is_passed_by(opened, monkeypatch):
    monkeypatch.setattr(doors, "BACKLOG", 1)
    hung = Listener(Service().receive, HERE)
    if opened:
        await hung.open()
    waiting = []
    with pytest.raises(BlockingIOError):
        while True:
            waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            waiting[-1].setblocking(False)
            waiting[-1].connect(hung.door.near)
    assert len(waiting) < 9  # the kernel may let in a few more
    near = Direct("two", Ray(), hung.door, HERE)
    await tried(near)
    assert await near.receive(b"abc") == b"by ray"
    await turns()  # who waits becomes a visitor, if there is somebody to let him in
    hung.close()
    for one in waiting:
        one.close()
    await turns()


async def test_a_door_that_was_passed_by_is_tried_again_after_a_minute(service):
    busy = Listener(service.receive, HERE)
    near = Direct("two", Ray(), busy.door._replace(near=f"{busy.door.near}-not"), HERE)
    await tried(near)
    near._door = busy.door
    await busy.open()
    assert await near.receive(b"abc") == b"by ray"
    await turns()
    assert not near.up
    near._next_knock -= sockets.KNOCK_AGAIN_S
    assert await near.receive(b"abc") == b"by ray"
    await until(lambda: near.up)
    assert await near.receive(b"abc") == b"cba"
    near.close()
    busy.close()
    assert await near.receive(b"abc") == b"by ray"
    await turns()


async def test_who_does_not_know_the_secret_is_not_heard(listener, service):
    near = Direct("two", Ray(), listener.door._replace(secret=b"0" * 32), HERE)
    await tried(near)
    await ended(near)
    assert await near.receive(b"abc") == b"by ray"
    assert service.served == 0


async def test_who_is_called_and_does_not_know_the_secret_is_not_believed():
    other = Listener(Service().receive, HERE)
    squatter = Listener(Service().receive, HERE)
    await squatter.open()
    near = Direct("two", Ray(), squatter.door._replace(secret=other.door.secret), HERE)
    await tried(near)
    await ended(near)
    assert await near.receive(b"abc") == b"by ray"
    other.close()
    squatter.close()
    await turns()


class Gullible(Guest):
    """Believes whomever it calls, and knows no secret."""

    def greet(self, data):
        self.put(0, GREETING, self.code(b"caller", self._mine + data[:32]))
        self.put(1, CALL, b"abc")
        return True


async def test_who_is_called_hears_nobody_who_only_pretends_to_know_the_secret(listener, service):
    stranger = Gullible(b"0" * 32)
    await doors.connect(listener.door, HERE, lambda: stranger)
    await asyncio.wait_for(until(lambda: stranger._transport is None), 10)
    await turns()
    assert service.served == 0


class Welcoming(Porter):
    """Lets everybody in, and knows no secret."""

    def greet(self, data):
        self.put(0, GREETING, self._mine + self.code(b"called", data + self._mine))
        self.welcome()
        return True

    def hear(self, number, kind, data):
        pass


async def test_who_calls_believes_nobody_who_only_pretends_to_know_the_secret():
    porch = doors.Porch(HERE)
    await porch.open(lambda: Welcoming(b"0" * 32))
    near = Direct("two", Ray(), porch.door, HERE)
    await tried(near)
    await asyncio.wait_for(ended(near), 10)
    assert await near.receive(b"abc") == b"by ray"
    porch.close()
    await turns()


async def test_the_secret_is_never_said(listener):
    said = []

    class Listening(Caller):
        def put(self, number, kind, data):
            said.append(data)
            super().put(number, kind, data)

        def data_received(self, data):
            said.append(data)
            super().data_received(data)

    caller = Listening("two", listener.door.secret)
    await doors.connect(listener.door, HERE, lambda: caller)
    await until(lambda: caller.known)
    assert len(said) == 3
    assert listener.door.secret not in b"".join(said)
    caller.abort()
    await turns()


async def test_who_says_nothing_is_sent_away(listener, monkeypatch):
    monkeypatch.setattr(greeting, "GREETING_S", 0.01)
    reader, writer = await asyncio.open_unix_connection(listener.door.near)
    assert await reader.read() == b""
    writer.close()


async def test_a_crowd_of_strangers_keeps_nobody_out_and_is_kept_small(listener, service, monkeypatch):
    monkeypatch.setattr(sockets, "STRANGERS", 3)
    crowd = [await asyncio.open_unix_connection(listener.door.near) for _ in range(10)]
    await asyncio.wait_for(until(lambda: len(listener._visitors) == 3), 10)
    near = Direct("two", Ray(), listener.door, HERE)
    await tried(near)
    await asyncio.wait_for(until(lambda: near.up), 10)
    assert await near.receive(b"abc") == b"cba"
    assert len(listener._visitors) <= 3 + 1
    near.close()
    for _, writer in crowd:
        writer.close()
    await turns()


async def test_the_doors_of_two_listeners_are_two(listener, service):
    other = Listener(service.receive, HERE)
    one, two = listener.door, other.door
    assert (one.near, one.port) != (two.near, two.port)
    assert one.secret != two.secret
    other.close()


@pytest.mark.parametrize(
    "head",
    [struct.pack("<IIB", FEW + 1, 0, 0), b"\xff" * 9, b"GET / HTTP/1.1\r\n\r\n", struct.pack("<IIB", 0, 1, 1)],
    ids=["one byte too long", "all ones", "a browser", "a call before the greeting"],
)
async def test_what_is_no_frame_ends_the_connection_and_nothing_else(listener, near, head, monkeypatch):
    monkeypatch.setattr(greeting, "GREETING_S", 3_600.0)
    reader, writer = await asyncio.open_unix_connection(listener.door.near)
    writer.write(head)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    assert await near.receive(b"abc") == b"cba"


class Cut(Frames):
    """Notes its frames."""

    def __init__(self):
        super().__init__()
        self.frames = []

    def take(self, number, kind, data):
        self.frames.append((number, kind, data))


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 255), st.binary(max_size=40))),
    st.lists(st.integers(1, 60), min_size=1),
)
@settings(max_examples=100)
def test_frames_are_the_same_however_the_bytes_are_cut(frames, lengths):
    data = b"".join(struct.pack("<IIB", len(body), number, kind) + body for number, kind, body in frames)
    connection, at, number = Cut(), 0, 0
    connection.trust()
    while at < len(data):
        length = lengths[number % len(lengths)]
        connection.data_received(data[at : at + length])
        at, number = at + length, number + 1
    assert connection.frames == frames
    assert not connection._rest


async def beat(*links):
    """As services do for their links."""
    for now in range(1_000_000):
        for link in links:
            link.resend_if_silent(float(now))
        await turns()


@pytest.mark.parametrize("home", [HERE, THERE], ids=["unix", "tcp"])
@pytest.mark.parametrize("seed", range(6))
async def test_a_link_whose_connection_is_cut_at_any_moment_loses_and_doubles_nothing(seed, home):
    chance = random.Random(seed)
    one, two = Answering("one"), Answering("two")
    listeners = [Listener(end.receive, HERE) for end in (one, two)]
    for listener in listeners:
        await listener.open()
    there, back = Direct("two", two, listeners[1].door, home), Direct("one", one, listeners[0].door, home)
    link = one.endpoint.connect("two", there, one.on_lost)
    back_link = two.endpoint.connect("one", back, two.on_lost)
    beating = asyncio.create_task(beat(link, back_link))
    asks = []
    for number in range(600):
        asks.append(link.ask("echo", number))
        if chance.random() < 0.3:
            await turns(chance.randrange(4))
        if number == 300:
            await until(lambda: there.up)
            asks.append(link.ask("echo", number))
            await turns(chance.randrange(6))
            (there if seed % 2 else listeners[1]).close()
    answers = await asyncio.wait_for(asyncio.gather(*asks), 10)
    beating.cancel()
    assert answers == two.heard
    assert sorted(set(answers)) == list(range(600))
    assert (one.lost, two.lost, there.up) == ([], [], False)
    there.close()
    back.close()
    for listener in listeners:
        listener.close()
    await turns()
