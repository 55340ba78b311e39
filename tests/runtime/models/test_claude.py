"""The real SDK against the loopback server, while everything goes well."""

import asyncio
import itertools
import json

import httpx2
import pytest
from pydantic import BaseModel, Field

from stigmergy.protocols.errors import ModelOutputInvalid, ModelRefused, UsageError
from stigmergy.runtime.models import (
    Answer,
    Claude,
    MeteredModel,
    Purse,
    TextPart,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    cost_of,
    user,
)
from stigmergy.runtime.testing.messages_server import MessagesServer
from tests.runtime.models.samples import MODEL, SECRET

LOOK_UP = ToolSpec(
    name="look_up",
    description="Looks an order up",
    parameters={"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
)


class Verdict(BaseModel):
    label: str
    score: int = Field(ge=1, le=5)


async def streamed(model, request):
    chunks = [chunk async for chunk in model.stream(request)]
    assert [chunk.reply is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert "".join(chunk.text for chunk in chunks) == chunks[-1].reply.text
    return chunks[-1].reply


async def plain(model, request):
    return await model.complete(request)


@pytest.fixture(params=[plain, streamed])
def ask(request):
    return request.param


async def test_an_answer_comes_with_its_usage_and_names(claude, server, question, ask):
    reply = await ask(claude, question)
    assert (reply.text, reply.stop_reason, reply.model) == ("What is the refund window?", "end_turn", MODEL)
    assert reply.usage == Usage(input=await claude.count_tokens(question), output=7)
    assert reply.attempts == 1
    assert reply.id.startswith("msg_")


async def test_plain_and_streamed_answers_are_the_same(claude, server, question):
    server.brain = lambda _: Answer(
        text="let me look — 7 €",
        tool_calls=(ToolCall(id="t1", name="look_up", args={"order": "ü7", "deep": [1, {"a": None}]}),),
    )
    one, other = await plain(claude, question), await streamed(claude, question)
    assert one.parts == other.parts
    assert one.usage == other.usage
    assert one.stop_reason == other.stop_reason == "tool_use"


async def test_a_tool_is_asked_for_and_its_result_is_read(claude, server, question, ask):
    call = ToolCall(id="t1", name="look_up", args={"order": "77"})

    def brain(request):
        assert request.tools == (LOOK_UP,)
        last = request.messages[-1].parts[-1]
        return call if isinstance(last, TextPart) else f"the tool says {last.text}, error={last.is_error}"

    server.brain = brain
    question = question.model_copy(update={"tools": (LOOK_UP,)})
    first = await ask(claude, question)
    assert first.tool_calls == (call,)
    result = ToolResult(call_id="t1", text="not found", is_error=True)
    again = question.model_copy(update={"messages": (*question.messages, first.message, user(result))})
    assert (await ask(claude, again)).text == "the tool says not found, error=True"


@pytest.mark.parametrize("output", [Verdict, Verdict.model_json_schema()], ids=["class", "schema"])
async def test_an_answer_in_the_shape_that_was_asked_for_is_checked(claude, server, question, ask, output):
    server.brain = lambda request: Verdict(label=request.output["title"], score=5)
    reply = await ask(claude, question.model_copy(update={"output": output}))
    assert reply.output_as(Verdict) == Verdict(label="Verdict", score=5)


@pytest.mark.parametrize("output", [Verdict, Verdict.model_json_schema()], ids=["class", "schema"])
async def test_a_bound_that_the_api_cannot_promise_is_checked_here(claude, server, question, ask, output):
    server.brain = lambda _: Answer(data={"label": "x", "score": 9})
    with pytest.raises(ModelOutputInvalid, match="score") as caught:
        await ask(claude, question.model_copy(update={"output": output}))
    assert cost_of(caught.value).outcome == "spent"


async def test_a_model_that_declines_is_refused_and_paid_for(claude, server, question, ask):
    server.brain = lambda _: Answer(text="I would rather not.", stop_reason="refusal")
    with pytest.raises(ModelRefused, match="declined to answer") as caught:
        await ask(claude, question)
    assert cost_of(caught.value) == ("spent", Usage(input=10, output=5))


async def test_half_a_surrogate_pair_in_an_answer_is_invalid_not_a_crash(claude, server, question, ask):
    server.brain = lambda _: "\ud83d oops"
    with pytest.raises(ModelOutputInvalid, match="cannot be recorded"):
        await ask(claude, question)


async def test_half_a_surrogate_pair_in_a_question_is_the_callers_mistake(claude, question, ask):
    with pytest.raises(UsageError, match="surrogate"):
        await ask(claude, question.model_copy(update={"system": "\ud83d"}))


async def test_a_stop_text_ends_the_answer(claude, server, question, ask):
    server.brain = lambda _: "one END two"
    reply = await ask(claude, question.model_copy(update={"stop": ("END",)}))
    assert (reply.text, reply.stop_reason) == ("one ", "stop_sequence")


async def test_a_long_plain_answer_is_allowed_because_a_timeout_is_set(claude, question):
    assert (await claude.complete(question.model_copy(update={"max_tokens": 128_000}))).text


async def test_tools_and_system_prompt_are_cached_and_read_back(claude, server, question, ask, prices):
    request = question.model_copy(
        update={"system": f"{ask.__name__} rules. " * 2_000, "tools": (LOOK_UP,), "cache": "1h"}
    )
    first, second = await ask(claude, request), await ask(claude, request)
    written = first.usage.cache_write_1h
    assert written > 5_000
    assert (first.usage.cache_read, second.usage.cache_read) == (0, written)
    assert second.usage.cache_write_1h == 0
    assert first.usage.total_input == second.usage.total_input == await claude.count_tokens(request)
    assert prices.cost(MODEL, second.usage) < prices.cost(MODEL, first.usage) / 15


async def test_without_a_wish_nothing_is_marked_for_the_cache_and_its_null_fields_count_as_zero(claude, question):
    request = question.model_copy(update={"system": "rules " * 5_000})
    usage = (await claude.complete(request)).usage
    assert (usage.cache_read, usage.cache_write_5m, usage.cache_write_1h) == (0, 0, 0)


async def test_the_call_and_what_it_asks_stand_in_the_providers_log(claude, server, question, ask):
    await ask(claude, question.model_copy(update={"call_id": "op-42"}))
    assert [(entry.call, entry.key) for entry in server.books.entries] == [("op-42", question.key())]


@pytest.mark.parametrize(
    "model",
    [
        "claude-fable-5-1",
        "claude-haiku-4-5",
        "claude-haiku-5-5",
        "claude-opus-5",
        "claude-opus-5-5",
        "claude-sonnet-5",
        "claude-sonnet-5-5",
    ],
)
@pytest.mark.parametrize("cache", [None, "5m", "1h"])
async def test_what_is_settled_is_what_the_provider_bills_to_the_nano_dollar(
    metered, server, ledger, question, ask, model, cache
):
    # Too short for the cache, long enough for it, and long enough for the dear tier of haiku-5-5.
    for length in (1, 2_000, *[120_000] * (model == "claude-haiku-5-5")):
        system = f"{model} {cache} {ask.__name__} " + "rule" * length
        request = question.model_copy(update={"model": model, "system": system, "cache": cache})
        for _ in range(2):
            await ask(metered, request)
    assert not ledger.held
    assert sum(spend.nano_usd for spend in ledger.settled.values()) == server.books.nano_usd > 0
    assert [entry.call for entry in server.books.entries] == list(ledger.settled)
    assert not server.books.paid_twice()


async def test_many_calls_at_once_are_each_paid_once(server, claude, ledger, prices, question):
    numbers = itertools.count()
    model = MeteredModel(claude, Purse(ledger, "swarm", prices, lambda: f"op-{next(numbers)}"))
    replies = await asyncio.gather(
        *(model.complete(question.model_copy(update={"messages": (user(f"question {n}"),)})) for n in range(40))
    )
    assert [reply.text for reply in replies] == [f"question {n}" for n in range(40)]
    assert sum(spend.nano_usd for spend in ledger.settled.values()) == server.books.nano_usd
    assert not server.books.paid_twice()


async def test_a_call_after_closing_opens_new_connections(claude, question):
    await claude.complete(question)
    await claude.aclose()
    assert (await claude.complete(question)).text


def test_anthropics_own_service_needs_a_key_and_another_server_does_not():
    with pytest.raises(UsageError, match="ANTHROPIC_API_KEY"):
        Claude()
    Claude(base_url="http://127.0.0.1:1")


async def test_the_environment_decides_nothing(server, question, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-from-the-environment")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    with MessagesServer(api_key=SECRET) as strict:
        model = Claude(SECRET, base_url=strict.base_url)
        assert (await model.complete(question)).text
        await model.aclose()


async def test_a_schema_that_the_api_has_no_words_for_is_the_callers_mistake(claude, question):
    with pytest.raises(UsageError, match="output="):
        await claude.complete(question.model_copy(update={"output": {"minimum": 3}}))


async def test_an_unnamed_question_is_answered_by_anyone_who_speaks_the_api(server):
    """The server is a Messages API server for others too: no SDK, no headers of ours."""
    async with httpx2.AsyncClient() as client:
        answer = await client.post(
            server.base_url + "/v1/messages",
            headers={"x-api-key": "k", "anthropic-version": "2023-06-01"},
            json={"model": MODEL, "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]},
        )
    assert json.loads(answer.text)["content"] == [{"type": "text", "text": "hi"}]
