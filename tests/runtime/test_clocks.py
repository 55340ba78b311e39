"""Wall clocks that disagree: how long somebody waits is counted where the message is, from when it came."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from stigmergy.actors.clock import Clock
from stigmergy.actors.transport.channel import open_batch
from stigmergy.actors.transport.frames import ANSWER, ASK
from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import DeadlineExceeded
from stigmergy.runtime import Agent, Context, handles
from stigmergy.runtime.client import Client
from tests.runtime.cast import Heard, Say
from tests.runtime.town import Town

HOUR_S = 3_600.0


class Gate:
    """Where a turn waits until the test lets it go on."""

    come = asyncio.Event()
    open = asyncio.Event()


@pytest.fixture(autouse=True)
def closed(monkeypatch):
    monkeypatch.setattr(Gate, "come", asyncio.Event())
    monkeypatch.setattr(Gate, "open", asyncio.Event())


class Slow(Agent):
    """Answers when the gate is open."""

    @handles
    async def say(self, said: Say, _ctx: Context) -> Heard:
        Gate.come.set()
        await Gate.open.wait()
        return Heard(text=said.text)


class Between(Agent):
    """Asks the slow one."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        return await ctx.ask("slow/1", said, reply=Heard, timeout_s=float(said.n or 10))


class Crooked(Town):
    """A town whose driver and host have a wall clock that is set to another time once its board is open."""

    def turn_clocks(self, by_s: float) -> None:
        crooked = Clock(lambda: time.time() + by_s)
        self._client._clock = self._host.service._clock = crooked  # type: ignore[attr-defined]

    def pass_time(self, seconds: float) -> None:
        """Let a moment pass at the board, and let it see to what is due."""
        board: Any = self._board.service
        board._board.tick(board._now() + seconds)
        board._pump_soon()


@pytest.fixture(params=[-HOUR_S, HOUR_S], ids=["an hour late", "an hour early"])
async def town(request):
    async with Crooked(Slow, Between) as town:
        town.turn_clocks(request.param)
        yield town


@pytest.mark.parametrize("asked", ["slow/1", "between/1"])
async def test_an_ask_is_answered_though_the_wall_clock_of_who_asks_is_wrong(town, asked):
    asking = town.begin(asked, Say(text="fine"), Heard)
    await asyncio.wait_for(Gate.come.wait(), 10)
    town.pass_time(1.0)
    Gate.open.set()
    assert (await asking).text == "fine"


@pytest.mark.parametrize(
    ("asked", "seconds"), [(Say(text="of the driver", n=20), 10.5), (Say(text="its own", n=5), 5.5)]
)
async def test_an_ask_ends_at_its_time_though_the_wall_clock_of_who_asks_is_wrong(town, asked, seconds):
    asking = town.begin("between/1", asked, Heard)
    await asyncio.wait_for(Gate.come.wait(), 10)
    town.pass_time(seconds)
    with pytest.raises(DeadlineExceeded, match="before the deadline"):
        await asking


class Board:
    """Keeps what a driver sends, and says that it was accepted."""

    def __init__(self) -> None:
        self.frames: list[Any] = []

    async def receive(self, data: bytes) -> bytes:
        _, number, _, frames = open_batch(data)
        self.frames += frames
        accepted = [[ANSWER, ticket, "", None] for verb, ticket, _, _ in frames if verb == ASK]
        return pack(["board", number, number, accepted] if accepted else ["board", 0, number, []])

    def left(self) -> list[float]:
        return [payload[3] for _, _, name, payload in self.frames if name == "send"]


async def test_what_goes_out_later_or_once_more_says_what_is_left_by_then():
    passed = [100.0]
    client = Client("client/one", "run", lambda *_: None, Clock(steady=lambda: passed[0]))
    asking = asyncio.ensure_future(client.ask("a/1", "Say@1", b"", 60.0, ()))
    left = []
    for seconds in (10.0, 20.0, 25.0):
        await asyncio.sleep(0)
        passed[0] += seconds
        board: Any = Board()
        client.attach("board", board)
        for _ in range(9):
            await asyncio.sleep(0)
        left += board.left()
        client.detach("it died")
    assert left == [50.0, 30.0, 5.0]
    asking.cancel()
