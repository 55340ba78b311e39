"""Idle agents leave their host and come back with the state that they had."""

from __future__ import annotations

import asyncio

import pytest

from stigmergy.actors.host import host
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, State, handles

from .town import Town

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


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Hosts that look for idle agents every few milliseconds."""
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
