"""Bodies that a Messages API server may send, and what is made of them."""

import pytest

from stigmergy.protocols.errors import ModelError, ModelOutputInvalid, ModelUnavailable
from stigmergy.runtime.models import ModelRequest, OutputInvalid, Refused, Unavailable, Usage, cost_of, user
from stigmergy.runtime.models.claude_wire import answer

ASKED = ModelRequest(model="claude-sonnet-5", messages=(user("hello"),), cache="1h")
USED = {"input_tokens": 3, "output_tokens": 4}
BODY = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": USED,
}


def made_of(body, request=ASKED):
    return answer(body, request, attempts=1, latency_s=0.0)


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({}, Usage(input=3, output=4)),
        ({"cache_creation_input_tokens": None, "cache_read_input_tokens": None}, Usage(input=3, output=4)),
        ({"cache_read_input_tokens": 9}, Usage(input=3, output=4, cache_read=9)),
        ({"cache_creation_input_tokens": 9}, Usage(input=3, output=4, cache_write_1h=9)),
        ({"cache_creation_input_tokens": 9, "cache_creation": None}, Usage(input=3, output=4, cache_write_1h=9)),
        (
            {"cache_creation_input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 2}},
            Usage(input=3, output=4, cache_write_5m=7, cache_write_1h=2),
        ),
    ],
)
def test_cache_fields_that_are_missing_or_null_are_read_so_that_nothing_is_lost(told, usage):
    assert made_of(BODY | {"usage": USED | told}).usage == usage


def test_writes_of_unknown_lifetime_are_short_unless_long_ones_were_asked_for():
    body = BODY | {"usage": USED | {"cache_creation_input_tokens": 9}}
    assert made_of(body, ASKED.model_copy(update={"cache": None})).usage.cache_write_5m == 9


@pytest.mark.parametrize(
    "body",
    [
        None,
        "<html>",
        [],
        {},
        {"type": "error"},
        BODY | {"usage": None},
        BODY | {"usage": []},
        BODY | {"usage": {"input_tokens": 3}},
        BODY | {"usage": USED | {"input_tokens": -1}},
        BODY | {"usage": USED | {"output_tokens": "many"}},
        BODY | {"usage": USED | {"cache_creation_input_tokens": 9, "cache_creation": 9}},
    ],
    ids=repr,
)
def test_a_body_that_does_not_say_what_it_cost_is_no_answer(body):
    with pytest.raises(ModelUnavailable) as caught:
        made_of(body)
    assert cost_of(caught.value).outcome == "unknown"


@pytest.mark.parametrize(
    "change",
    [
        {"content": None},
        {"content": ["text"]},
        {"content": [{"type": "text"}]},
        {"content": [{"type": "text", "text": 7}]},
        {"content": [{"type": "tool_use", "id": "1", "name": "t", "input": "{"}]},
        {"content": [{"no": "type"}]},
        {"stop_reason": None},
        {"model": None},
    ],
    ids=repr,
)
def test_a_body_that_is_not_well_formed_is_invalid_but_its_usage_counts(change):
    with pytest.raises(ModelOutputInvalid) as caught:
        made_of(BODY | change)
    assert cost_of(caught.value) == ("spent", Usage(input=3, output=4))


def test_a_block_that_nobody_here_understands_is_kept_as_it_is():
    sealed = {"type": "thinking", "thinking": "", "signature": "s3al"}
    assert made_of(BODY | {"content": [sealed, *BODY["content"]]}).parts[0].data == sealed


@pytest.mark.parametrize("details", [None, "because", {"explanation": None}, {"explanation": "no recipes"}])
def test_a_model_that_declines_is_quoted_if_it_gives_a_reason(details):
    with pytest.raises(Refused, match="no recipes" if details == {"explanation": "no recipes"} else "gave no reason"):
        made_of(BODY | {"stop_reason": "refusal", "stop_details": details})


@pytest.mark.parametrize("kind", [Unavailable, Refused, OutputInvalid])
def test_a_failure_names_its_fields(kind):
    failure = kind("why", "spent", Usage(input=1), 2)
    assert (str(failure), failure.outcome, failure.usage, failure.attempts) == ("why", "spent", Usage(input=1), 2)
    assert isinstance(failure, ModelError)
