"""A swarm in one process that stands still says so meanwhile, and in which line of the user's code."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stigmergy.runtime import Agent, Context, Swarm, handles, sentry
from stigmergy.runtime.sentry import Sentry
from tests.runtime.cast import Echo, Heard, Say

RELEASED = threading.Event()


class Spinner(Agent):
    """Holds everybody up, until somebody hears of it."""

    @handles
    async def spin(self, _said: Say, _ctx: Context) -> None:
        RELEASED.wait(30)


@pytest.mark.parametrize("durable", [True, False])
async def test_a_handler_that_holds_everybody_up_is_named_while_it_does(durable, monkeypatch, caplog):
    heard: list[dict[str, Any]] = []

    def hear(event: str, data: dict[str, Any]) -> None:
        if event == "stalled" and data["at"].endswith(" in spin"):  # on a busy machine others take their time, too
            heard.append({**data, "meanwhile": not RELEASED.is_set()})
            RELEASED.set()

    monkeypatch.setattr(sentry, "BEAT_S", 0.01)
    RELEASED.clear()
    async with Swarm(engine="local", durable=durable, on_event=hear) as swarm:
        swarm.add(Spinner)
        await swarm.ask("spinner/1", Say(text="a"))
    (told,) = heard
    assert re.fullmatch(r"test_sentry\.py:\d+ in spin", told["at"])
    assert told["meanwhile"]
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert any(line.startswith(f"everything stands still: {told['at']} has not returned for ") for line in logged)


async def test_there_is_one_sentry_though_many_begin_a_swarm_at_once():
    before = set(threading.enumerate())
    async with Swarm(engine="local") as swarm:
        swarm.add(Echo)
        await asyncio.gather(*(swarm.ask(f"echo/{n}", Say(text="a"), reply=Heard) for n in range(9)))
        begun = [thread.name for thread in threading.enumerate() if thread not in before]
        assert begun.count("sentry") == 1


class Watched:
    """A loop whose sentry looks at it from another thread, whenever a step says so."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._others = ThreadPoolExecutor(1)
        self._sentry = Sentry(lambda at, _seconds: self.told.append(at))

    def look(self) -> None:
        self._others.submit(self._sentry.look).result()

    async def do(self, *steps: Any) -> None:
        """One after the other, without a turn of the loop between them."""
        for step in steps:
            asyncio.get_running_loop().call_soon(step)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_what_returns_is_not_named_however_long_all_of_it_takes_and_what_does_not_is_named_once():
    watched = Watched()

    def looks_once():
        watched.look()

    def does_not_return():
        for _ in range(3):
            watched.look()

    await watched.do(looks_once, looks_once, looks_once)
    assert watched.told == []
    await watched.do(looks_once, does_not_return)
    (at,) = watched.told
    assert re.fullmatch(r"test_sentry\.py:\d+ in does_not_return", at)


async def test_who_stands_still_once_more_is_named_once_more():
    watched = Watched()

    def does_not_return():
        for _ in range(4):
            watched.look()

    await watched.do(does_not_return)
    await watched.do(watched.look, does_not_return)
    assert len(watched.told) == 2
