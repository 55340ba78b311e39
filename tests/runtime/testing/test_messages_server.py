"""The loopback server judged by the SDK itself, without anything of ours between them."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from pydantic import BaseModel

from stigmergy.runtime.models import ModelRequest
from stigmergy.runtime.testing.messages_server import MessagesServer
from stigmergy.runtime.testing.messages_server_books import CACHE_MINIMUM, PromptCache, Tokens
from stigmergy.runtime.testing.messages_server_faults import BILLED, KINDS, Fault, FaultPlan

MODEL = "claude-sonnet-5-5"
ROOT = Path(__file__).parents[3]
HELLO = {"role": "user", "content": "hello"}


@pytest.fixture(scope="module")
def anthropic():
    """The SDK, imported only by whoever runs these tests: it takes a second and a half."""
    return importlib.import_module("anthropic")


@pytest.fixture(scope="module")
def server():
    with MessagesServer() as running:
        yield running


@pytest.fixture(scope="module")
def client(anthropic, server):
    with anthropic.Anthropic(api_key="k", base_url=server.base_url, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def web():
    """Asks without the SDK."""
    with httpx2.Client() as made:
        yield made


def text_of(message):
    (block,) = message.content
    return block.text


def test_the_sdk_reads_a_message_and_counts_it(client):
    message = client.messages.create(model=MODEL, max_tokens=10, messages=[HELLO])
    assert text_of(message) == "hello"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (5, 2)
    assert client.messages.count_tokens(model=MODEL, messages=[HELLO]).input_tokens == 5


def test_the_sdk_reads_a_stream(client):
    with client.messages.stream(model=MODEL, max_tokens=50, system="s", messages=[HELLO]) as stream:
        assert "".join(stream.text_stream) == "hello"
        assert stream.get_final_message().usage.output_tokens == 2


def test_the_sdk_parses_an_answer_in_a_schema(client):
    class Verdict(BaseModel):
        label: str

    parsed = client.messages.parse(model=MODEL, max_tokens=50, messages=[HELLO], output_format=Verdict)
    assert parsed.parsed_output == Verdict(label="hello")


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"model": "claude-nobody-9"}, "NotFoundError"),
        ({"messages": []}, "BadRequestError"),
        ({"max_tokens": 0}, "BadRequestError"),
        ({"system": [{"type": "text", "text": ""}]}, "BadRequestError"),
        ({"extra_body": {"temperature": 1.0}}, "BadRequestError"),
        ({"model": "claude-opus-5-5", "tool_choice": {"type": "any"}}, "BadRequestError"),
    ],
)
def test_what_the_service_refuses_is_refused_here_and_free(anthropic, client, server, params, error):
    with pytest.raises(getattr(anthropic, error)):
        client.messages.create(**{"model": MODEL, "max_tokens": 10, "messages": [HELLO], **params})
    assert server.books.entries[-1].nano_usd == 0


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "k"}], ids=["no key", "no version"])
def test_a_request_without_key_or_version_is_refused(web, server, headers):
    body = {"model": MODEL, "max_tokens": 10, "messages": [HELLO]}
    assert web.post(server.base_url + "/v1/messages", headers=headers, json=body).status_code in {400, 401}


def test_each_request_is_logged_with_its_body_and_its_bill(client, tmp_path):
    log, call = tmp_path / "calls.jsonl", {"stigmergy-call": "c"}
    with MessagesServer(log=log) as server:
        for _ in range(2):
            logged = client.with_options(base_url=server.base_url)
            logged.messages.create(model=MODEL, max_tokens=10, messages=[HELLO], extra_headers=call)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [line["call"] for line in lines] == ["c", "c"]
        assert lines[0]["body"] == lines[1]["body"]
        assert lines[0]["nano_usd"] == 5 * 2_000 + 2 * 10_000
        assert server.books.nano_usd == 2 * lines[0]["nano_usd"]
        assert server.books.paid_twice() == ["c"], "the witness sees a call that was paid twice"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def marked(text, ttl):
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}


LONG = "rule" * 2_000
TAIL = {"role": "user", "content": "x" * 40}


@pytest.mark.parametrize(("ttl", "lifetime"), [("5m", 300.0), ("1h", 3_600.0)])
def test_a_marked_prefix_is_written_once_and_read_until_its_time_is_up(ttl, lifetime):
    clock = Clock()
    cache = PromptCache(clock)
    body = {"model": MODEL, "system": [marked(LONG, ttl)], "messages": [TAIL]}
    written = Tokens(input=13, **{f"write_{ttl}": 2_003})
    read = Tokens(input=13, read=2_003)
    assert cache.split(body) == written
    clock.now = lifetime - 1
    assert cache.split(body) == read
    clock.now = 2 * lifetime - 2
    assert cache.split(body) == read, "each use starts its time anew"
    clock.now = 3 * lifetime
    assert cache.split(body) == written


def test_a_prefix_is_kept_for_its_model_and_its_exact_words_only():
    cache = PromptCache(Clock())
    body = {"model": MODEL, "system": [marked(LONG, "5m")], "messages": [TAIL]}
    cache.split(body)
    assert cache.split({**body, "model": "claude-opus-5-5"}).read == 0
    assert cache.split({**body, "system": [marked(LONG + ".", "5m")]}).read == 0
    assert cache.split({**body, "messages": [HELLO]}).read == 2_003


def test_two_marks_are_two_prefixes():
    cache = PromptCache(Clock())
    tool = {"name": "t" * 8_000, "input_schema": {}, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    first = {"model": MODEL, "tools": [tool], "system": [marked(LONG, "5m")], "messages": [TAIL]}
    tools_only = cache.split(first).write_1h
    assert cache.split({**first, "system": [marked(LONG + "!", "5m")]}) == Tokens(
        input=13, read=tools_only, write_5m=2_004
    )


def test_a_short_prefix_is_not_cached():
    body = {"model": MODEL, "system": [marked("x" * 4 * (CACHE_MINIMUM - 4), "5m")], "messages": [TAIL]}
    assert PromptCache(Clock()).split(body).write_5m == 0


def test_a_plan_does_what_was_scheduled_and_then_the_same_for_the_same_seed():
    def course(seed):
        plan = FaultPlan(probability=0.5, seed=seed)
        plan.schedule("cut", None, Fault("slow", seconds=1.0))
        return [plan.next("/v1/messages") for _ in range(200)]

    assert course(1)[:3] == [Fault("cut"), None, Fault("slow", seconds=1.0)]
    assert course(1) == course(1) != course(2)
    assert {fault.kind for fault in course(1) if fault} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_is_billed_exactly_when_the_answer_had_been_generated(web, server, kind):
    before = len(server.books.entries)
    server.faults.schedule(Fault(kind, seconds=0.0))
    body = {"model": MODEL, "max_tokens": 10, "messages": [HELLO]}
    headers = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
    patience_s = 0.3 if kind == "silent" else 30.0  # only silence never ends by itself; 10 MB may take their time
    try:
        web.post(server.base_url + "/v1/messages", headers=headers, json=body, timeout=patience_s)
    except httpx2.HTTPError:
        assert kind in {"disconnected", "silent", "cut"}
    (entry,) = server.books.entries[before:]
    assert (entry.fault, entry.nano_usd > 0) == (kind, kind in BILLED)


def shout(request: ModelRequest) -> str:
    return request.messages[-1].text.upper()


def test_the_program_serves_a_brain_of_ones_own_and_logs(client, tmp_path):
    log = tmp_path / "calls.jsonl"
    command = [sys.executable, "-m", "stigmergy.runtime.testing.messages_server", "--log", str(log)]
    brain = ["--brain", "tests.runtime.testing.test_messages_server:shout"]
    with subprocess.Popen(command + brain, stdout=subprocess.PIPE, text=True, cwd=ROOT) as program:
        try:
            assert program.stdout is not None
            address = program.stdout.readline().strip()
            asked = client.with_options(base_url=address).messages
            message = asked.create(model=MODEL, max_tokens=10, messages=[HELLO])
        finally:
            program.terminate()
    assert text_of(message) == "HELLO"
    assert len(log.read_text().splitlines()) == 1
