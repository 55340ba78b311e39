"""What is no message is refused where it is sent, as in a durable swarm: by the handler's line that sends it."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.volatile import delivery, host, running
from stigmergy.protocols import HandlerFailed, Text, UsageError
from stigmergy.runtime import Agent, Context, Swarm, handles
from stigmergy.runtime.volatile import round_context

CLOCKS: dict[str, dict[str, Any]] = {"live": {}, "lockstep": {"clock": "lockstep", "seed": 1}}

WRONG: dict[str, Any] = {"text": "notamessage", "nothing": None, "a class": Text}


@pytest.fixture(params=["in C", "in Python"])
def in_c(request, monkeypatch):
    """Whether what is common is done in C."""
    if request.param == "in C" and running.runner is None:
        pytest.skip("there was no compiler where this was installed")
    for module in (host, delivery, round_context) if request.param == "in Python" else ():
        monkeypatch.setattr(module, "runner", None)


class Sender(Agent):
    """Sends what is no message."""

    attempts = 1

    @handles
    def plain(self, text: Text, ctx: Context) -> None:
        how, _, what = text.text.partition(" ")
        if how == "tell":
            ctx.tell("sender/2", WRONG[what])
        elif how == "post":
            ctx.post("news", WRONG[what])


class Asker(Agent):
    """Waits for what comes of it."""

    attempts = 1

    @handles
    async def asks(self, text: Text, ctx: Context) -> None:
        how, _, what = text.text.partition(" ")
        if how == "ask":
            await ctx.ask("sender/2", WRONG[what])
        elif how == "tell":
            ctx.tell("sender/2", WRONG[what])


@pytest.mark.usefixtures("in_c")
@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("sends", ["sender/1 tell", "sender/1 post", "asker/1 ask", "asker/1 tell"])
async def test_what_is_no_message_fails_the_turn_that_sends_it(sends, what, clock):
    who, _, how = sends.partition(" ")
    async with Swarm(engine="local", durable=False, **CLOCKS[clock]) as swarm:
        swarm.add(Sender)
        swarm.add(Asker)
        with pytest.raises((UsageError, HandlerFailed), match="test_no_message.py.*is no Message: send an instance"):
            await swarm.ask(who, Text(text=f"{how} {what}"), timeout_s=20)
        await swarm.ask(who, Text(text=""), timeout_s=20)
        assert (await swarm.report()).dead_letters == {"handler failed": 1}


@pytest.mark.parametrize("clock", CLOCKS)
async def test_what_is_no_message_is_refused_from_outside_too(clock):
    async with Swarm(engine="local", durable=False, **CLOCKS[clock]) as swarm:
        swarm.add(Sender)
        for what in WRONG.values():
            for send in (swarm.tell, swarm.post, swarm.ask):
                with pytest.raises(UsageError, match="is no Message"):
                    await send("sender", what)
