import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from stigmergy.protocols.codec import pack, unpack
from stigmergy.runtime.models import (
    ModelMessage,
    ModelReply,
    ModelRequest,
    Opaque,
    TextPart,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
    assistant,
    user,
)

texts = st.text(st.characters(codec="utf-8"), max_size=20)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(texts, plain, max_size=3)
parts = (
    st.builds(TextPart, text=texts)
    | st.builds(ToolCall, id=texts, name=texts, args=objects)
    | st.builds(ToolResult, call_id=texts, text=texts, is_error=st.booleans())
    | st.builds(Opaque, data=objects)
)
messages = st.builds(
    ModelMessage, role=st.sampled_from(("user", "assistant")), parts=st.lists(parts, max_size=3).map(tuple)
)
counts = st.integers(0, 10**9)
usages = st.builds(Usage, input=counts, output=counts, cache_write_5m=counts, cache_write_1h=counts, cache_read=counts)
requests = st.builds(
    ModelRequest,
    model=texts,
    messages=st.lists(messages, max_size=3).map(tuple),
    system=texts,
    tools=st.lists(st.builds(ToolSpec, name=texts, description=texts, parameters=objects), max_size=2).map(tuple),
    max_tokens=st.integers(1, 10**6),
    output=st.none() | objects,
    stop=st.lists(texts, max_size=2).map(tuple),
    cache=st.sampled_from((None, "5m", "1h")),
    timeout_s=st.floats(0.001, 1e6),
    call_id=texts,
)
replies = st.builds(
    ModelReply,
    parts=st.lists(parts, max_size=3).map(tuple),
    output=plain,
    stop_reason=texts,
    usage=usages,
    model=texts,
    id=texts,
    attempts=st.integers(1, 9),
    latency_s=st.floats(0, 1e6),
)


class Verdict(BaseModel):
    label: str
    sure: float


@given(requests)
def test_a_request_comes_back_from_the_journal_as_it_went_in(request):
    assert ModelRequest.from_plain(unpack(pack(request.to_plain()))) == request


@given(replies)
def test_a_reply_comes_back_from_the_journal_as_it_went_in(reply):
    assert ModelReply.from_plain(unpack(pack(reply.to_plain()))) == reply


@given(requests)
def test_a_request_from_the_journal_has_the_key_of_the_original(request):
    assert ModelRequest.from_plain(unpack(pack(request.to_plain()))).key() == request.key()


def test_a_request_for_a_class_is_recorded_as_its_schema_and_keeps_its_key():
    request = ModelRequest(model="m", messages=(user("judge"),), output=Verdict)
    recorded = ModelRequest.from_plain(request.to_plain())
    assert recorded.output == Verdict.model_json_schema()
    assert recorded.key() == request.key()


def test_requests_for_two_classes_are_two_requests():
    class Grade(BaseModel):
        label: int

    request = ModelRequest(model="m", messages=(user("judge"),), output=Verdict)
    assert request.key() != request.model_copy(update={"output": Grade}).key()


ASKED = ModelRequest(model="m", messages=(user("hello"),))


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"messages": (user("hello"), assistant("hi"))},
        {"messages": (assistant("hello"),)},
        {"system": "be brief"},
        {"tools": (ToolSpec(name="t", description="", parameters={}),)},
        {"max_tokens": 1},
        {"output": Verdict},
        {"stop": ("END",)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_asked_differently_changes_the_key(change):
    assert ASKED.model_copy(update=change).key() != ASKED.key()


@pytest.mark.parametrize(
    "change", [{"cache": "1h"}, {"timeout_s": 1.0}, {"call_id": "op-7"}], ids=lambda c: next(iter(c))
)
def test_who_asks_and_how_patiently_does_not_change_the_key(change):
    assert ASKED.model_copy(update=change).key() == ASKED.key()


def test_the_key_is_the_same_in_every_process_and_release():
    assert ASKED.key() == "26f61282d7b6a8460232525716b012b0"


def test_the_checked_answer_is_handed_out_as_the_class_that_was_asked_for():
    reply = ModelReply(
        parts=(), output={"label": "spam", "sure": 0.5}, stop_reason="end_turn", usage=Usage(), model="m"
    )
    assert reply.output_as(Verdict) == Verdict(label="spam", sure=0.5)


def test_a_reply_is_the_next_message_of_its_conversation_unreadable_parts_included():
    sealed = Opaque(data={"type": "thinking", "signature": "x"})
    call = ToolCall(id="1", name="look", args={})
    reply = ModelReply(parts=(sealed, TextPart(text="so"), call), stop_reason="tool_use", usage=Usage(), model="m")
    assert reply.message == assistant(sealed, "so", call)
    assert (reply.text, reply.tool_calls) == ("so", (call,))


def test_requests_and_replies_are_frozen():
    with pytest.raises(ValidationError):
        ASKED.model = "other"


def test_negative_token_counts_do_not_exist():
    with pytest.raises(ValidationError):
        Usage(input=-1)
