"""Whatever user code raises, and whomever it cancels, its turn has failed: its asker hears of it, its agent goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from stigmergy.protocols import HandlerFailed, Message
from stigmergy.runtime import Agent, Context, Swarm, handles

WAYS: dict[str, dict[str, Any]] = {
    "durable": {"engine": "local"},
    "live": {"engine": "local", "durable": False},
    "lockstep": {"engine": "local", "durable": False, "clock": "lockstep", "seed": 1},
}


@pytest.fixture(params=WAYS)
def way(request) -> dict[str, Any]:
    """How the swarm runs."""
    return WAYS[request.param]


class Panic(BaseException):
    """What a library in another language raises."""


class Unsayable(Exception):
    """Raises whatever it is asked."""

    def __str__(self) -> str:
        raise Panic


class Shapeless(Exception):
    """Does not say what it is."""

    @property
    def __class__(self):
        raise Panic

    @__class__.setter
    def __class__(self, _: type) -> None: ...


class Placeless(Exception):
    """Does not say where it comes from."""

    @property
    def __traceback__(self):  # type: ignore[override]
        raise Panic


def caused() -> BaseException:
    """An error whose cause does not say what it is."""
    error = ValueError("caused")
    error.__cause__ = Shapeless()
    return error


RAISED: dict[str, Callable[[], BaseException]] = {
    "of its own": lambda: Panic("no"),
    "a base exception": BaseException,
    "what closes a coroutine": GeneratorExit,
    "a group": lambda: BaseExceptionGroup("all", [KeyboardInterrupt(), Panic()]),
    "what cannot be said": Unsayable,
    "what is no class": Shapeless,
    "what comes from nowhere": Placeless,
    "what has such a cause": caused,
}


class Do(Message):
    what: str = ""


class Did(Message):
    attempts: int


class Faulty(Agent):
    """Raises what it is told, in each way that a handler may."""

    attempts = 2
    tried = 0

    def answer(self) -> Did:
        tried, self.tried = self.tried, 0
        return Did(attempts=tried)

    def fail(self, do: Do) -> None:
        if do.what:
            self.tried += 1
            error = RAISED[do.what]()
            raise error


class Plain(Faulty):
    @handles
    def do(self, do: Do) -> Did:
        self.fail(do)
        return self.answer()


class Waiting(Faulty):
    @handles
    async def do(self, do: Do) -> Did:
        await asyncio.sleep(0)
        self.fail(do)
        return self.answer()


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("kind", [Plain, Waiting])
async def test_a_turn_that_raises_anything_is_tried_again_and_then_buried(kind, raised, way):
    async with Swarm(**way) as swarm:
        swarm.add(kind)
        who = f"{kind.__name__.lower()}/1"
        with pytest.raises(HandlerFailed):
            await swarm.ask(who, Do(what=raised), reply=Did, timeout_s=20)
        assert (await swarm.ask(who, Do(), reply=Did, timeout_s=20)).attempts == 2
        assert (await swarm.report()).dead_letters == {"handler failed": 1}


class Reluctant(Agent):
    """Does not start."""

    attempts = 2

    async def on_start(self) -> None:
        raise Panic("not today")

    @handles
    def do(self, do: Do) -> None: ...


class Unborn(Agent):
    """Is not even made."""

    attempts = 2

    def __init__(self) -> None:
        raise Panic("never")

    @handles
    def do(self, do: Do) -> None: ...


@pytest.mark.parametrize("kind", [Reluctant, Unborn])
async def test_an_agent_that_raises_anything_while_it_comes_alive_has_failed_turns(kind, way):
    async with Swarm(**way) as swarm:
        swarm.add(kind)
        for _ in range(2):
            with pytest.raises(HandlerFailed, match="Panic"):
                await swarm.ask(f"{kind.__name__.lower()}/1", Do(), timeout_s=20)
        assert (await swarm.report()).dead_letters == {"handler failed": 2}


class Suicidal(Agent):
    """Cancels the task that it runs in."""

    attempts = 2
    tried = 0

    @handles
    async def do(self, do: Do, ctx: Context) -> Did:
        if do.what == "answers all the same":
            self.cancel()
            return Did(attempts=0)
        if do.what:
            self.tried += 1
            if do.what == "later":
                await asyncio.sleep(0)
            if do.what == "by another":
                asyncio.get_running_loop().call_soon(self.cancel, asyncio.current_task())
            else:
                self.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Did(attempts=self.tried)

    def cancel(self, task: asyncio.Task[Any] | None = None) -> None:
        (task or asyncio.current_task()).cancel()  # type: ignore[union-attr]


@pytest.mark.parametrize("when", ["at once", "later", "by another"])
async def test_a_handler_that_is_cancelled_by_its_own_code_has_failed(when, way):
    async with Swarm(**way) as swarm:
        swarm.add(Suicidal)
        with pytest.raises(HandlerFailed, match="CancelledError"):
            await swarm.ask("suicidal/1", Do(what=when), reply=Did, timeout_s=20)
        assert (await swarm.ask("suicidal/1", Do(), reply=Did, timeout_s=20)).attempts == 2
        assert (await swarm.report()).dead_letters == {"handler failed": 1}


async def test_a_handler_that_cancels_its_task_and_does_not_wait_has_done_its_turn_and_no_other_meets_that(way):
    async with Swarm(**way) as swarm:
        swarm.add(Suicidal)
        words = ("answers all the same", "")
        asks = [swarm.ask("suicidal/1", Do(what=word), reply=Did, timeout_s=20) for word in words]
        assert await asyncio.gather(*asks) == [Did(attempts=0), Did(attempts=0)]
        assert (await swarm.report()).dead_letters == {}


STEPS: dict[str, Callable[[], BaseException]] = {
    "the end of an iteration": StopIteration,
    "what closes a coroutine": GeneratorExit,
    "of its own": lambda: Panic("no"),
    "an ordinary one": lambda: ValueError("no"),
}


class Outside(Agent):
    """Calls a plain function that raises."""

    attempts = 1

    @handles
    async def do(self, do: Do, ctx: Context) -> None:
        def fails() -> None:
            error = STEPS[do.what]()
            raise error

        await ctx.run("fails", fails)


@pytest.mark.parametrize("raised", STEPS)
async def test_a_plain_function_that_raises_anything_is_a_step_that_has_failed(raised, way):
    async with Swarm(**way) as swarm:
        swarm.add(Outside)
        with pytest.raises(HandlerFailed, match=f"StepFailed: .*{type(STEPS[raised]()).__name__}"):
            await swarm.ask("outside/1", Do(what=raised), timeout_s=20)
