"""Arguments of the wrong sort: each is refused where it is given, in one line with what it is and what to give."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.protocols import Budget, Message
from stigmergy.protocols.errors import UsageError
from stigmergy.runtime import Agent, Context, Swarm, handles


class Do(Message):
    what: str = ""


class Made(Message):
    n: int = 1


class Worker(Agent):
    """Answers, or asks as it is told."""

    @handles
    async def act(self, do: Do, ctx: Context) -> Made:
        wrong: dict[str, dict[str, Any]] = {
            "text": {"timeout_s": "5"},
            "nan": {"timeout_s": float("nan")},
            "negative": {"timeout_s": -1},
            "int": {"reply": int},
        }
        if do.what:
            await ctx.ask("worker/other", Do(), **{"reply": Made, **wrong[do.what]})
        return Made()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"budget": 3}, "budget is 3; give a Budget, for example Budget(usd=0.80)"),
        ({"budget": 0}, "budget is 0; give a Budget, for example Budget(usd=0.80)"),
        ({"journal": 3}, "journal is 3: give a folder or a URL, or None to keep nothing"),
        ({"journal": "a\0b"}, "journal is 'a\\x00b': give a folder or a URL, or None to keep nothing"),
        ({"durable": "no"}, "durable is 'no'; give True or False"),
        ({"on_event": 3}, "on_event is 3; give a function that takes an event's name and its data"),
        ({"plant": 3}, "plant is 3; give a Plant, for example Plant(hosts=2)"),
    ],
)
def test_an_option_of_the_wrong_sort_is_refused_when_the_swarm_is_made(options, said):
    with pytest.raises(UsageError) as refused:
        Swarm(**options)
    assert str(refused.value) == said


def test_a_hook_that_cannot_be_called_is_refused_where_it_is_given():
    with pytest.raises(UsageError, match="on_event is 'loud'; give a function"):
        Swarm(engine="local").on_event("loud")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"settings": 3}, "settings of Worker is 3; give a dict of plain data by name"),
        ({"settings": {1: 2}}, "settings of Worker is {1: 2}; give a dict of plain data by name"),
        ({"budget": 3}, "the budget of Worker is 3; give a Budget, for example Budget(usd=0.80)"),
        ({"resources": "cpu"}, "Worker: resources is 'cpu'; give Resources(...)"),
        ({"kind": "client"}, "Worker: the kind 'client' is the driver's; give it another name"),
    ],
)
def test_what_is_added_with_something_of_the_wrong_sort_is_refused_there(given, said):
    with pytest.raises(UsageError) as refused:
        Swarm(engine="local").add(Worker, **given)
    assert str(refused.value) == said


class Anything(Agent):
    """Takes whatever comes."""

    @handles
    def act(self, message: Message) -> None: ...


def test_a_handler_for_all_messages_is_told_to_say_which():
    with pytest.raises(UsageError, match=r"^Anything.act: Message is the base of all: annotate 'message' with"):
        Swarm(engine="local").add(Anything)


def test_a_budget_with_a_misspelt_name_says_which_there_are():
    with pytest.raises(UsageError) as refused:
        Budget(message=1)  # type: ignore[call-arg]
    names = "usd, tokens, model_calls, tool_calls, messages, agents, depth, seconds"
    assert str(refused.value) == f"a Budget has no 'message'; it has {names}"


async def test_a_trail_that_nobody_has_defined_is_told_with_the_call_that_does():
    async with Swarm(engine="local") as swarm:
        with pytest.raises(UsageError) as refused:
            await swarm.trail("paths").deposit({"a": 1.0})
        assert "trail 'paths' is not defined: await ctx.trail('paths').define() before its" in str(refused.value)


WAITS = [
    ("text", "timeout_s is '5'; give a number of seconds above 0"),
    ("nan", "timeout_s is nan; give a number of seconds above 0"),
    ("negative", "timeout_s is -1; give a number of seconds above 0"),
    ("int", "reply is <class 'int'>; give a class that derives from Message"),
]


@pytest.mark.parametrize("durable", [True, False])
async def test_an_ask_that_cannot_be_waited_for_is_refused_alike_on_both_engines(durable):
    async with Swarm(engine="local", durable=durable) as swarm:
        swarm.add(Worker)
        for what, said in WAITS:
            with pytest.raises(UsageError) as refused:
                await swarm.ask("worker/one", Do(what=what), reply=Made)
            assert str(refused.value).endswith(f" in act: {said}")
        for wrong, said in (({"timeout_s": "5"}, WAITS[0][1]), ({"reply": int}, WAITS[3][1])):
            with pytest.raises(UsageError) as refused:
                await swarm.ask("worker/one", Do(), **wrong)
            assert str(refused.value) == said


@pytest.mark.parametrize("durable", [True, False])
async def test_a_driver_that_sends_no_message_is_told_so_on_both_engines(durable):
    async with Swarm(engine="local", durable=durable) as swarm:
        swarm.add(Worker)
        nothing: list[Any] = [5, None, Do]
        for wrong in nothing:
            for send in (swarm.ask, swarm.tell, swarm.post):
                with pytest.raises(UsageError, match="is no Message: send an instance of a class of yours"):
                    await send("worker", wrong)
