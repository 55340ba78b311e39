"""Money before questions: what is reserved, and what becomes of it. The model is scripted, the ledger is real."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.budget import Spend
from stigmergy.protocols.errors import (
    BudgetExhausted,
    LedgerUnreachable,
    ModelOutputInvalid,
    ModelUnavailable,
    UnknownPrice,
    UsageError,
)
from stigmergy.runtime.models import (
    MeteredModel,
    ModelRequest,
    Opaque,
    OutputInvalid,
    Price,
    Prices,
    Purse,
    Rate,
    ScriptedModel,
    Unavailable,
    Usage,
    user,
)
from tests.runtime.models.near_ledger import NearLedger

PRICES = Prices(0.0, own={"m": Price(Rate.of("1", "5"))})
ASKED = ModelRequest(model="m", messages=(user("how long is a refund possible"),), max_tokens=100, call_id="op-1")


def paid(script, ledger, **how):
    return MeteredModel(ScriptedModel(script), Purse(ledger, "swarm/kind:support", PRICES, lambda: "op-made"), **how)


async def test_the_worst_case_is_held_while_the_model_works_and_the_rest_given_back(ledger):
    def brain(request):
        # 12 tokens are counted; 2 % and 16 more may be billed, all of them written to the cache for an hour.
        assert ledger.held == {"op-1": Spend(usd="0.000558", tokens=129, model_calls=1)}
        return "thirty days"

    await paid(brain, ledger).complete(ASKED)
    assert ledger.held == {}
    assert ledger.settled == {"op-1": Spend(usd="0.000027", tokens=15, model_calls=1)}


async def test_a_refused_reservation_sends_nothing_and_spends_nothing():
    ledger = NearLedger("0.000557999")
    model = ScriptedModel(["thirty days"])
    with pytest.raises(BudgetExhausted):
        await MeteredModel(model, Purse(ledger, "swarm", PRICES, str)).complete(ASKED)
    assert (model.asked, ledger.fate) == ([], "untouched")


async def test_without_a_ledger_nothing_is_sent(ledger):
    ledger.reachable = False
    model = ScriptedModel(["thirty days"])
    with pytest.raises(LedgerUnreachable):
        await MeteredModel(model, Purse(ledger, "swarm", PRICES, str)).complete(ASKED)
    assert model.asked == []


async def test_an_unknown_price_is_told_before_anything_is_sent(ledger):
    model = ScriptedModel(["thirty days"])
    with pytest.raises(UnknownPrice):
        await MeteredModel(model, Purse(ledger, "swarm", PRICES, str)).complete(ASKED.model_copy(update={"model": "x"}))
    assert (model.asked, ledger.fate) == ([], "untouched")


async def test_an_answer_outlives_a_ledger_that_is_lost_meanwhile(ledger):
    def brain(request):
        ledger.reachable = False
        return "thirty days"

    assert (await paid(brain, ledger).complete(ASKED)).text == "thirty days"
    assert ledger.fate == "held"


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (Unavailable("never sent", "unspent", None, 1), "released"),
        (Unavailable("cut", "unknown", None, 1), "held"),
        (ModelUnavailable("from a model that does not say"), "held"),
        (ModelUnavailable("from another process", "unspent", "None", 1), "released"),
        (OutputInvalid("off the schema", "spent", Usage(input=3, output=4), 1), "settled"),
        (OutputInvalid("off the schema, usage lost", "spent", "input=3", 1), "held"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value).replace(" ", "_"),
)
@pytest.mark.parametrize("how", ["complete", "stream"])
async def test_a_failure_decides_what_becomes_of_the_money(ledger, error, fate, how):
    model = paid([error], ledger)
    with pytest.raises(type(error)):
        await (model.complete(ASKED) if how == "complete" else anext(model.stream(ASKED)))
    assert ledger.fate == fate


async def test_an_impossible_request_costs_nothing(ledger):
    with pytest.raises(UsageError):
        await paid([], ledger).complete(ASKED)
    assert ledger.fate == "released"


async def test_an_invalid_answer_is_settled_at_what_it_used(ledger):
    with pytest.raises(ModelOutputInvalid):
        await paid(["not JSON"], ledger).complete(ASKED.model_copy(update={"output": {"type": "integer"}}))
    assert ledger.settled["op-1"].nano_usd == ledger.settled["op-1"].tokens * 1_000 + 2 * 4_000


async def test_a_stream_is_settled_when_its_reply_is_there_even_if_nobody_reads_on(ledger):
    async for chunk in paid(["thirty days"], ledger).stream(ASKED):
        if chunk.reply is not None:
            assert ledger.fate == "settled"


async def test_a_call_without_a_name_gets_one(ledger):
    model = paid(["thirty days"], ledger)
    await model.complete(ASKED.model_copy(update={"call_id": ""}))
    assert list(ledger.settled) == ["op-made"]


async def test_counting_bytes_needs_no_round_trip_and_still_covers_the_call(ledger):
    class Uncounted(ScriptedModel):
        async def count_tokens(self, request):
            raise AssertionError

    model = MeteredModel(Uncounted(["thirty days"]), Purse(ledger, "swarm", PRICES, str), count="bytes")
    await model.complete(ASKED)
    assert ledger.fate == "settled"


async def test_what_has_no_bytes_to_count_is_counted_by_the_provider(ledger):
    picture = Opaque(data={"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}})
    model = ScriptedModel(["a cat"])
    asked = []

    class Counting(ScriptedModel):
        async def count_tokens(self, request):
            asked.append(request)
            return await model.count_tokens(request)

    metered = MeteredModel(Counting(["a cat"]), Purse(ledger, "swarm", PRICES, str), count="bytes")
    await metered.complete(ASKED.model_copy(update={"messages": (user(picture),)}))
    assert len(asked) == 1


@given(st.text(max_size=300), st.text(max_size=300), st.integers(1, 200), st.sampled_from(["exact", "bytes"]))
async def test_what_is_settled_never_exceeds_what_was_reserved(question, answer, max_tokens, count):
    class Watching(NearLedger):
        async def settle(self, op, actual):
            assert not actual - self.held[op]
            await super().settle(op, actual)

    ledger = Watching()
    request = ModelRequest(model="m", messages=(user(question),), max_tokens=max_tokens, call_id="op-1")
    await paid([answer], ledger, count=count).complete(request)
    assert ledger.fate == "settled"
