"""Idle agents leave their host and come back with the state that they had."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stigmergy.actors.host import host
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, State, handles

from .town import Town

GATE = asyncio.Event()

DIARY: list[str] = []


class Say(Message):
    n: int = 0


class Count(State):
    n: int = 0


class Guest(Agent):
    """Counts, and notes when it comes and goes."""

    state: Count

    async def on_start(self) -> None:
        DIARY.append(f"{self.me} came with {self.state.n}")

    async def on_stop(self) -> None:
        DIARY.append(f"{self.me} left with {self.state.n}")
        if self.me.key == "rude":
            raise RuntimeError("no goodbye")
        if self.me.key == "slow":
            await asyncio.sleep(0.05)
            DIARY.append(f"{self.me} is gone")

    @handles
    async def say(self, say: Say, ctx: Context) -> Say:
        await asyncio.sleep(0)
        self.state.n += say.n
        return Say(n=self.state.n)


class Twin(Agent):
    """Takes messages while others run."""

    reentrant = True

    async def on_start(self) -> None:
        DIARY.append("came")
        await asyncio.sleep(0)

    async def on_stop(self) -> None:
        DIARY.append("left")

    @handles
    async def say(self, say: Say, ctx: Context) -> Say:
        await ctx.run("wait", lambda: None)
        return say


class Patient(Agent):
    """Takes messages while others run, each of which ends when the gate is open."""

    reentrant = True

    async def on_stop(self) -> None:
        DIARY.append("left")

    @handles
    async def say(self, say: Say, _ctx: Context) -> Say:
        DIARY.append(f"{say.n} begins")
        await GATE.wait()
        DIARY.append(f"{say.n} ends")
        return say


class Held:
    """The way to a board, whose word on who may go is held up."""

    def __init__(self, town: Town) -> None:
        service: Any = town._host.service
        self.link = service._boards.of(0)
        self._handle, self.link._handle = self.link._handle, self
        self.given = asyncio.Event()
        self._go_on = asyncio.Event()

    async def receive(self, data: bytes) -> bytes:
        back: bytes = await self._handle.receive(data)
        if b"passivate" in data:
            self.given.set()
            await self._go_on.wait()
        return back

    async def let_go_with_mail_behind(self) -> None:
        """Once there is mail right behind the word, let both come."""
        async with asyncio.timeout(5):
            while not self._mail_has_come():  # noqa: ASYNC110 - a link that waits for a batch tells nobody
                await asyncio.sleep(0.001)
        self._go_on.set()

    def _mail_has_come(self) -> bool:
        return any(frame[2] == "deliver" for frames in self.link._channel._early.values() for frame in frames)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Hosts that look for idle agents every few milliseconds."""
    monkeypatch.setattr(f"{__name__}.GATE", asyncio.Event())
    monkeypatch.setattr(host, "BEAT_S", 0.005)
    DIARY.clear()


async def until(said: str) -> None:
    async with asyncio.timeout(5):
        while said not in DIARY:  # noqa: ASYNC110 - the agents under test know nothing of events
            await asyncio.sleep(0.005)


async def test_an_idle_agent_leaves_and_comes_back_with_its_newest_state():
    async with Town(Guest, after_s=0.0) as town:
        for total in (1, 2, 3):
            assert (await town.ask("guest/a", Say(n=1), Say)).n == total
            await until(f"guest/a left with {total}")
        assert await town.living() == 0
    assert [text for n in range(3) for text in (f"guest/a came with {n}", f"guest/a left with {n + 1}")] == DIARY


async def test_above_the_bound_the_longest_idle_leave():
    async with Town(Guest, live=2) as town:
        for key in "abcd":
            await town.ask(f"guest/{key}", Say(n=1), Say)
        await until("guest/b left with 1")
        assert await town.living() == 2
        assert not any(text.startswith(("guest/c left", "guest/d left")) for text in DIARY)


async def test_at_the_close_everybody_hears_of_it():
    async with Town(Guest) as town:
        for key in ("a", "rude", "b"):
            await town.ask(f"guest/{key}", Say(n=1), Say)
        assert await town.living() == 3
    assert [text for text in DIARY if "left" in text] == [f"guest/{key} left with 1" for key in ("a", "rude", "b")]


async def test_what_comes_while_an_agent_takes_its_leave_waits_for_the_end_of_that():
    async with Town(Guest, after_s=0.0) as town:
        await town.ask("guest/slow", Say(n=1), Say)
        await until("guest/slow left with 1")
        assert (await town.ask("guest/slow", Say(n=1), Say)).n == 2
        assert DIARY[:4] == [
            "guest/slow came with 0",
            "guest/slow left with 1",
            "guest/slow is gone",
            "guest/slow came with 1",
        ]


async def test_an_agent_that_gets_mail_right_behind_the_word_that_it_may_go_takes_its_leave_before_its_next_turn():
    async with Town(Guest, after_s=0.0) as town:
        held = Held(town)
        await town.ask("guest/a", Say(n=1), Say)
        await asyncio.wait_for(held.given.wait(), 5)
        asking = town.begin("guest/a", Say(n=1), Say)
        await held.let_go_with_mail_behind()
        assert (await asking).n == 2
        assert DIARY[:3] == ["guest/a came with 0", "guest/a left with 1", "guest/a came with 1"]


async def test_an_agent_that_gets_mail_right_behind_the_word_that_it_may_go_does_not_leave_while_it_works():
    async with Town(Patient, after_s=0.0) as town:
        held = Held(town)
        GATE.set()
        await town.ask("patient/a", Say(n=1), Say)
        await asyncio.wait_for(held.given.wait(), 5)
        GATE.clear()
        asking = town.begin("patient/a", Say(n=2), Say)
        await held.let_go_with_mail_behind()
        await until("2 begins")
        await asyncio.sleep(0)
        GATE.set()
        await asking
        assert "left" not in DIARY[DIARY.index("2 begins") : DIARY.index("2 ends")]


@pytest.mark.parametrize("kind", [Guest, Twin])
async def test_nothing_is_lost_or_repeated_while_agents_come_and_go(kind):
    name = kind.__name__.lower()
    async with Town(kind, after_s=0.0, live=1) as town:

        async def visit(key: int) -> None:
            for total in range(1, 16):
                answer = await town.ask(f"{name}/{key}", Say(n=1), Say)
                assert answer.n == (total if kind is Guest else 1)
                await asyncio.sleep(0.002 * ((key + total) % 4))

        await asyncio.gather(*(visit(key) for key in range(5)))
    assert len(DIARY) > 10  # they did come and go


async def test_turns_that_begin_together_bring_their_agent_to_life_once():
    async with Town(Twin) as town:
        await asyncio.gather(*(town.ask("twin/1", Say(n=1), Say) for _ in range(3)))
        assert DIARY == ["came"]
