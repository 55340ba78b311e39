import pytest
from pydantic import BaseModel

from stigmergy.protocols.errors import ModelOutputInvalid, ModelUnavailable, UsageError
from stigmergy.runtime.models import (
    Answer,
    ModelRequest,
    ScriptedModel,
    ToolCall,
    ToolSpec,
    Unavailable,
    cost_of,
    user,
)

ASKED = ModelRequest(model="claude-haiku-4-5", messages=(user("how long is a refund possible"),))


class Ticket(BaseModel):
    topic: str
    urgent: bool


async def test_a_rule_answers_by_looking_at_the_request():
    model = ScriptedModel(lambda request: request.messages[-1].text.upper())
    reply = await model.complete(ASKED)
    assert (reply.text, reply.stop_reason, reply.model) == ("HOW LONG IS A REFUND POSSIBLE", "end_turn", ASKED.model)


async def test_a_list_is_handed_out_in_order_and_then_used_up():
    model = ScriptedModel(["one", "two"])
    assert [(await model.complete(ASKED)).text for _ in range(2)] == ["one", "two"]
    with pytest.raises(UsageError, match="the script has 2 answers"):
        await model.complete(ASKED)


async def test_an_error_in_the_script_is_raised():
    with pytest.raises(ModelUnavailable, match="down"):
        await ScriptedModel([Unavailable("down", "unspent", None, 1)]).complete(ASKED)


async def test_the_same_request_costs_the_same_tokens_every_time():
    model = ScriptedModel(lambda _: "thirty days")
    first, second = await model.complete(ASKED), await model.complete(ASKED)
    assert first == second
    assert first.usage.input == await model.count_tokens(ASKED) == 12
    assert first.usage.output == 3


async def test_tools_and_schemas_count_as_input():
    tool = ToolSpec(name="look", description="looks", parameters={"type": "object"})
    model = ScriptedModel(lambda _: "x")
    bare = await model.count_tokens(ASKED)
    assert await model.count_tokens(ASKED.model_copy(update={"tools": (tool,)})) > bare
    assert await model.count_tokens(ASKED.model_copy(update={"output": Ticket})) > bare


async def test_an_answer_longer_than_max_tokens_is_cut_there_and_says_so():
    reply = await ScriptedModel(lambda _: "é" * 100).complete(ASKED.model_copy(update={"max_tokens": 5}))
    assert (reply.text, reply.stop_reason, reply.usage.output) == ("é" * 10, "max_tokens", 5)


@pytest.mark.parametrize("said", [Ticket(topic="refund", urgent=True), '{"topic": "refund", "urgent": true}'])
async def test_data_follows_the_class_that_was_asked_for(said):
    reply = await ScriptedModel([said]).complete(ASKED.model_copy(update={"output": Ticket}))
    assert reply.output_as(Ticket) == Ticket(topic="refund", urgent=True)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("thirty days", "not JSON"),
        ('{"topic": "refund"}', "urgent: Field required"),
        ('{"topic": "refund", "urgent": NaN}', "NaN is not a JSON number"),
        ("[" * 100_000, "not JSON"),
        ("9" * 5_000, "not JSON"),
    ],
)
@pytest.mark.parametrize("output", [Ticket, Ticket.model_json_schema()], ids=["class", "schema"])
async def test_an_answer_off_the_schema_is_invalid_and_paid_for(said, why, output):
    request = ASKED.model_copy(update={"output": output, "max_tokens": 100_000})
    with pytest.raises(ModelOutputInvalid) as caught:
        await ScriptedModel([said]).complete(request)
    assert why.replace("urgent: Field required", "urgent") in str(caught.value)
    assert len(str(caught.value)) < 500
    cost = cost_of(caught.value)
    assert cost.outcome == "spent"
    assert cost.usage is not None
    assert cost.usage.output > 0


async def test_data_that_was_cut_off_is_invalid_even_if_it_happens_to_parse():
    request = ASKED.model_copy(update={"output": {"type": "integer"}, "max_tokens": 1})
    with pytest.raises(ModelOutputInvalid, match="cut off at max_tokens"):
        await ScriptedModel(["123456789"]).complete(request)


async def test_a_tool_call_may_come_before_the_data():
    call = ToolCall(id="1", name="look", args={"at": "orders"})
    reply = await ScriptedModel([call]).complete(ASKED.model_copy(update={"output": Ticket}))
    assert (reply.tool_calls, reply.stop_reason, reply.output) == ((call,), "tool_use", None)


@pytest.mark.parametrize("args", [{"n": 2**70}, {"text": "\ud800"}], ids=["big-number", "lone-surrogate"])
async def test_an_answer_that_the_journal_cannot_hold_is_invalid(args):
    with pytest.raises(ModelOutputInvalid, match="cannot be recorded"):
        await ScriptedModel([ToolCall(id="1", name="look", args=args)]).complete(ASKED)


async def test_a_stream_ends_with_the_reply_that_a_plain_call_gives():
    chunks = [chunk async for chunk in ScriptedModel([Answer(text="thirty days and a bit")]).stream(ASKED)]
    assert [chunk.reply is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1].reply == await ScriptedModel(["thirty days and a bit"]).complete(ASKED)
    assert "".join(chunk.text for chunk in chunks) == "thirty days and a bit"
