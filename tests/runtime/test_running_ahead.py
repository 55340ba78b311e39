"""Turns that ran before the ones before them had committed: true only together, and in order."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, State, handles

from .town import Town


class Add(Message):
    text: str
    how: str = ""


class Said(Message):
    texts: list[str]
    runs: int = 0


class Notes(State):
    texts: list[str] = []


class Clerk(Agent):
    """Writes down what it is told, and passes each on; some of it in ways that the board refuses."""

    attempts = 2
    state: Notes
    runs = 0

    @handles
    async def add(self, add: Add, ctx: Context) -> None:
        self.runs += 1
        self.state.texts = [*self.state.texts, add.text]
        ctx.tell("reader/1", Add(text=",".join(self.state.texts)))
        if add.how == "refused" or (add.how == "refused once" and ctx.attempt == 1):
            ctx.deposit("no-such-trail", {"a": 1.0})
        elif add.how == "fails":
            raise ValueError("on purpose")
        elif add.how == "acts":
            await ctx.facts.put("texts", self.state.texts)
        elif add.how == "runs":
            await ctx.run("side", lambda: DONE_OUTSIDE.append(add.text))
        elif add.how == "swallows":
            with suppress(BaseException):  # what a careless handler does
                await asyncio.gather(ctx.facts.get("texts"), ctx.facts.put("texts", self.state.texts))

    @handles
    def say(self, _: Said) -> Said:
        return Said(texts=self.state.texts, runs=self.runs)


class Reader(Agent):
    """Keeps what it was told."""

    state: Notes

    @handles
    def add(self, add: Add) -> None:
        self.state.texts = [*self.state.texts, add.text]

    @handles
    def say(self, _: Said) -> Said:
        return Said(texts=self.state.texts)


DONE_OUTSIDE: list[str] = []


async def after(town: Town, *told: Add) -> tuple[Said, Said]:
    """What the clerk and the reader have when the clerk was told all of it at once."""
    await asyncio.gather(*(town.tell("clerk/1", add) for add in told))
    clerk = await town.ask("clerk/1", Said(texts=[]), Said)
    return clerk, await town.ask("reader/1", Said(texts=[]), Said)


@pytest.fixture
async def town():
    DONE_OUTSIDE.clear()
    async with Town(Clerk, Reader) as running:
        yield running


async def test_turns_that_all_commit_are_run_once_each_and_in_order(town):
    clerk, reader = await after(town, *(Add(text=str(n)) for n in range(20)))
    assert clerk.texts == [str(n) for n in range(20)]
    assert clerk.runs == 20
    assert reader.texts == [",".join(clerk.texts[: n + 1]) for n in range(20)]


@pytest.mark.parametrize("how", ["refused", "fails"])
async def test_a_turn_that_is_given_up_takes_back_those_that_ran_ahead_of_its_commit(town, how):
    clerk, reader = await after(town, Add(text="a"), Add(text="b", how=how), Add(text="c"), Add(text="d"))
    assert clerk.texts == ["a", "c", "d"]
    assert reader.texts == ["a", "a,c", "a,c,d"]
    if how == "refused":
        assert clerk.runs == 1 + 2 + 2 * 2  # b was tried twice; c and d ran ahead of it, and again


async def test_a_turn_that_starts_over_keeps_its_place(town):
    clerk, reader = await after(town, Add(text="a"), Add(text="b", how="refused once"), Add(text="c"))
    assert clerk.texts == ["a", "b", "c"]
    assert reader.texts == ["a", "a,b", "a,b,c"]


async def test_what_a_turn_changed_on_its_second_attempt_is_there_after_a_crash(town):
    await after(town, Add(text="a", how="refused once"))
    await town.crash()
    assert (await town.ask("clerk/1", Said(texts=[]), Said)).texts == ["a"]


@pytest.mark.parametrize("how", ["acts", "runs", "swallows"])
async def test_a_turn_acts_only_when_everything_before_it_has_committed(town, how):
    clerk, reader = await after(town, Add(text="a", how="refused"), Add(text="b", how=how), Add(text="c"))
    assert clerk.texts == ["b", "c"]
    assert reader.texts == ["b", "b,c"]
    if how == "runs":
        assert DONE_OUTSIDE == ["b"]
    else:
        fact = await town.facts.get("texts")
        assert fact is not None
        assert (fact.value, fact.version) == (["b"], 1)


@pytest.mark.parametrize("seed", [1, 2])
async def test_any_mixture_ends_as_if_every_turn_had_waited_for_the_one_before(town, seed):
    chance = random.Random(seed)
    trouble = ["refused once", "refused", "fails"]
    quiet = chance.choices(["", "acts", "runs", "swallows"], [12, 1, 1, 1], k=40)
    told = [Add(text=str(n), how=how) for n, how in enumerate(chance.sample([*quiet, *trouble], 43))]
    kept = [add.text for add in told if add.how not in {"refused", "fails"}]
    clerk, reader = await after(town, *told)
    assert clerk.texts == kept
    assert reader.texts == [",".join(kept[: n + 1]) for n in range(len(kept))]
    assert [text for text in kept if text in DONE_OUTSIDE] == DONE_OUTSIDE


async def test_a_host_that_dies_leaves_nothing_of_the_turns_that_had_not_committed(town):
    telling = asyncio.gather(*(town.tell("clerk/1", Add(text=str(n))) for n in range(10)))
    await asyncio.sleep(0)
    await town.crash()
    await telling
    clerk = await town.ask("clerk/1", Said(texts=[]), Said)
    assert clerk.texts == [str(n) for n in range(10)]
