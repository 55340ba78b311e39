"""The real SDK against a server that misbehaves: what the caller sees, and what becomes of the money."""

import asyncio
import importlib
import itertools
import pickle
import random
import socket
import time
import traceback
from contextlib import aclosing, suppress
from email.utils import formatdate

import pytest

from stigmergy.protocols.errors import ModelError, ModelOutputInvalid, ModelRefused, ModelUnavailable, pack, unpack
from stigmergy.runtime.models import CallLimits, Claude, MeteredModel, Purse, Unavailable, cost_of, user
from stigmergy.runtime.testing.messages_server import MessagesServer
from stigmergy.runtime.testing.messages_server_faults import COUNT, KINDS, Fault
from tests.depth import depth
from tests.runtime.models.near_ledger import NearLedger
from tests.runtime.models.samples import SECRET

REFUSALS = ("rate_limited", "overloaded", "server_error")


async def plain(model, request):
    return await model.complete(request)


async def streamed(model, request):
    return [chunk async for chunk in model.stream(request)][-1].reply


@pytest.fixture(params=[plain, streamed])
def ask(request):
    return request.param


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_refusal_is_repeated_until_it_is_answered_and_paid_once(metered, server, ledger, question, ask, kind):
    server.faults.schedule(kind, kind)
    reply = await ask(metered, question)
    assert reply.attempts == 3
    assert [entry.status for entry in server.books.entries][-1] == 200
    assert sum(spend.nano_usd for spend in ledger.settled.values()) == server.books.nano_usd
    assert not server.books.paid_twice()


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_refusal_that_lasts_costs_nothing_and_is_released(metered, server, ledger, question, ask, kind):
    server.faults.schedule(*[kind] * 3)
    with pytest.raises(Unavailable, match="simulated") as caught:
        await ask(metered, question)
    assert cost_of(caught.value).outcome == "unspent"
    assert caught.value.attempts == len(server.books.entries) == 3
    assert (ledger.fate, server.books.nano_usd) == ("released", 0)


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_a_pause_that_is_told_as_a_date_counts_by_the_clock_that_told_it(hours):
    now = time.time() + 3_600 * hours
    headers = {"retry-after": formatdate(now + 7, usegmt=True), "date": formatdate(now, usegmt=True)}
    attempts = importlib.import_module(
        "stigmergy.runtime.models.claude_attempts"
    )  # brings the SDK: a second of each worker
    assert attempts.retry_after_s(headers) == 7.0


async def test_retry_after_is_obeyed_even_against_the_own_pause(server, question):
    """The own pause is an hour, so only a client that reads the header gets an answer in time."""
    server.faults.schedule(Fault("rate_limited", seconds=0.01))
    model = Claude(SECRET, base_url=server.base_url, limits=CallLimits(backoff_s=3_600))
    assert (await model.complete(question)).attempts == 2
    await model.aclose()


async def test_a_pause_past_the_deadline_is_told_at_once_instead_of_slept_out(metered, server, ledger, question, ask):
    server.faults.schedule(Fault("rate_limited", seconds=3_600))
    with pytest.raises(ModelUnavailable, match="asks to wait 3600 s"):
        await ask(metered, question)
    assert (ledger.fate, len(server.books.entries)) == ("released", 1)


UNKNOWN = ("bad_gateway", "disconnected", "silent", "cut", "unfinished", "bad_json", "html", "no_usage")


@pytest.mark.parametrize("kind", UNKNOWN)
async def test_what_may_have_been_billed_is_never_repeated_and_forfeits(metered, server, ledger, question, ask, kind):
    server.faults.schedule(kind)
    request = question.model_copy(update={"timeout_s": 1.0}) if kind == "silent" else question
    with pytest.raises(ModelUnavailable) as caught:
        await ask(metered, request)
    assert cost_of(caught.value) == ("unknown", None)
    assert len(server.books.entries) == 1
    assert ledger.fate == "held"
    (held,) = ledger.held.values()
    assert held.nano_usd >= server.books.nano_usd


async def test_a_stream_that_goes_silent_is_given_up_long_before_the_deadline(server, question):
    server.faults.schedule("silent")
    hasty = Claude(SECRET, base_url=server.base_url, limits=CallLimits(idle_timeout_s=0.1))
    async with asyncio.timeout(10):
        with pytest.raises(ModelUnavailable, match="ReadTimeout"):
            await streamed(hasty, question.model_copy(update={"timeout_s": 3_600}))
    await hasty.aclose()


async def test_a_slow_answer_within_its_time_is_an_answer(metered, server, ledger, question):
    server.faults.schedule(Fault("slow", seconds=0.05))
    await plain(metered, question)
    assert sum(spend.nano_usd for spend in ledger.settled.values()) == server.books.nano_usd


async def test_an_answer_that_is_too_slow_forfeits_because_it_is_billed(metered, server, ledger, question, ask):
    server.faults.schedule(Fault("slow", seconds=30))
    with pytest.raises(ModelUnavailable):
        await ask(metered, question.model_copy(update={"timeout_s": 1.0}))
    assert ledger.fate == "held"
    assert server.books.nano_usd > 0


async def test_text_of_a_cut_stream_is_seen_but_never_becomes_a_reply(claude, server, question):
    server.faults.schedule("cut")
    chunks = []

    async def read():
        async for chunk in claude.stream(question):
            chunks.append(chunk)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(ModelUnavailable):
        await read()
    assert "".join(chunk.text for chunk in chunks)
    assert all(chunk.reply is None for chunk in chunks)


async def test_an_endless_answer_is_not_read_to_its_end(metered, server, ledger, question, ask):
    server.faults.schedule("huge")
    with pytest.raises(ModelOutputInvalid, match="over the limit of 4,194,304 bytes") as caught:
        await ask(metered, question)
    assert cost_of(caught.value).outcome == "unknown"
    (held,) = ledger.held.values()
    assert held.nano_usd >= server.books.nano_usd > 0


async def test_arguments_that_are_no_object_are_invalid_and_settled_exactly(metered, server, ledger, question, ask):
    server.faults.schedule("bad_tool_args")
    with pytest.raises(ModelOutputInvalid, match="args"):
        await ask(metered, question)
    assert ledger.fate == "settled"
    assert sum(spend.nano_usd for spend in ledger.settled.values()) == server.books.nano_usd > 0


async def test_a_server_that_is_not_there_costs_nothing(ledger, prices, question, ask):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    model = Claude(base_url=f"http://127.0.0.1:{port}", limits=CallLimits(retries=0))
    metered = MeteredModel(model, Purse(ledger, "swarm", prices, lambda: "op-1"), count="bytes")
    with pytest.raises(
        ModelUnavailable, match=r"can be reached at http://127\.0\.0\.1:\d+ \(ConnectError\): check that address"
    ):
        await ask(metered, question)
    assert ledger.fate == "released"
    await model.aclose()


@pytest.mark.parametrize("kind", [*REFUSALS, "bad_gateway", "html", "bad_json"])
async def test_when_the_count_fails_nothing_is_reserved_and_nothing_is_sent(metered, server, ledger, question, kind):
    server.faults.schedule(*[kind] * 3, path=COUNT)
    with pytest.raises(ModelUnavailable) as caught:
        await metered.complete(question)
    assert cost_of(caught.value).outcome == "unspent"
    assert (ledger.fate, server.books.entries) == ("untouched", [])


async def test_a_cancelled_call_forfeits(metered, server, ledger, question, ask):
    server.faults.schedule("silent")
    task = asyncio.create_task(ask(metered, question))
    while not server.books.entries:  # noqa: ASYNC110 - the event is in another thread
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ledger.fate == "held"


async def test_a_stream_that_nobody_reads_to_its_end_forfeits(metered, server, ledger, question):
    server.brain = lambda _: "a long answer " * 100
    async with aclosing(metered.stream(question)) as chunks:
        async for chunk in chunks:
            assert chunk.text
            break
    assert ledger.fate == "held"


async def test_a_request_that_the_provider_rejects_is_refused_and_free(claude, server, ledger, prices, question, ask):
    impossible = question.model_copy(update={"messages": ()})
    with pytest.raises(ModelRefused, match="at least one message") as caught:
        await ask(MeteredModel(claude, Purse(ledger, "swarm", prices, lambda: "op"), count="bytes"), impossible)
    assert cost_of(caught.value).outcome == "unspent"
    assert (ledger.fate, server.books.nano_usd) == ("released", 0)


async def test_the_key_is_struck_out_of_whatever_comes_back(server, question, ask):
    with MessagesServer(api_key="another") as strict:
        model = Claude(SECRET, base_url=strict.base_url)
        with pytest.raises(ModelRefused, match=r"HTTP 401 .*invalid credential \[api key\]") as caught:
            await ask(model, question)
        await model.aclose()
    everything = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(model)
    assert SECRET not in everything
    assert SECRET.encode() not in pickle.dumps(caught.value)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "slow"])
async def test_every_failure_crosses_a_process_and_still_says_what_it_cost(claude, server, question, kind):
    server.faults.schedule(*[kind] * 3)
    with pytest.raises(ModelError) as caught:
        await claude.complete(question.model_copy(update={"timeout_s": 0.5}))
    near, far = caught.value, unpack(*pack(caught.value))
    assert isinstance(far, (ModelUnavailable, ModelOutputInvalid))
    assert str(far) == str(near)
    assert cost_of(pickle.loads(pickle.dumps(near))) == cost_of(near)
    # A usage does not survive as plain data; then nobody knows what was spent, and says so.
    known = cost_of(near).outcome
    assert cost_of(far).outcome == ("unknown" if known == "spent" else known)


@pytest.mark.parametrize("seed", range(depth(1, 4)))
async def test_whatever_goes_wrong_the_books_of_both_sides_fit(seed, claude, server, prices, question):
    """Nothing is paid twice, nothing that was billed is released, and what is settled and held covers the bill."""
    planned = [*KINDS, *KINDS, *[None] * 30]
    random.Random(seed).shuffle(planned)
    server.faults.schedule(*planned)
    ledger, ops, room = NearLedger(), itertools.count(), asyncio.Semaphore(8)
    model = MeteredModel(claude, Purse(ledger, "swarm", prices, lambda: f"run-{seed}-op-{next(ops)}"))

    async def one(n):
        asked = question.model_copy(update={"messages": (user(f"question {n}"),), "timeout_s": 0.6})
        async with room:
            with suppress(ModelError):
                await (plain if n % 2 else streamed)(model, asked)

    await asyncio.gather(*map(one, range(len(planned))))
    ours = [entry for entry in server.books.entries if entry.call.startswith(f"run-{seed}-")]
    billed = {entry.call: entry.nano_usd for entry in ours if entry.nano_usd}
    assert not server.books.paid_twice()
    assert {op: spend.nano_usd for op, spend in ledger.settled.items()}.items() <= billed.items()
    assert all(nano <= ledger.held[op].nano_usd for op, nano in billed.items() if op not in ledger.settled)
    assert not billed.keys() & set(ledger.released)
    assert sum(billed.values()) <= ledger.after_the_leases().settled.nano_usd
