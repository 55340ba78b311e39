import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.errors import UnknownPrice, UsageError
from stigmergy.protocols.money import spent_nano
from stigmergy.runtime.models import ModelRequest, Price, Prices, Rate, Usage, user

NOW = datetime(2026, 11, 20, tzinfo=UTC).timestamp()
CLAUDES = [
    "claude-haiku-4-5",
    "claude-haiku-5-5",
    "claude-sonnet-4-5",
    "claude-sonnet-4-6",
    "claude-sonnet-5",
    "claude-sonnet-5-5",
    "claude-opus-4-6",
    "claude-opus-5",
    "claude-opus-5-5",
    "claude-fable-5-1",
    "claude-mythos-5-2",
]

counts = st.integers(0, 400_000)
usages = st.builds(Usage, input=counts, output=counts, cache_write_5m=counts, cache_write_1h=counts, cache_read=counts)
usd = st.decimals(0, 1_000, places=4)
rates = st.builds(Rate, usd, usd, usd, usd, usd)
tiers = st.lists(st.tuples(st.integers(0, 500_000), rates), max_size=3, unique_by=lambda tier: tier[0])
tables = st.builds(Price, rates, tiers.map(lambda found: tuple(sorted(found, key=lambda tier: tier[0]))))


@given(model=st.sampled_from(CLAUDES), usage=usages)
def test_a_catalogue_price_is_the_catalogue_s_own_to_the_nano_dollar(model, usage):
    theirs = calc_price(
        TheirUsage(
            input_tokens=usage.total_input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write_5m + usage.cache_write_1h,
            cache_write_1h_tokens=usage.cache_write_1h,
        ),
        model,
        genai_request_timestamp=datetime.fromtimestamp(NOW, UTC),
    )
    assert Prices(NOW).cost(model, usage) == spent_nano(theirs.total_price)


@given(price=tables, usage=usages, spare=counts)
def test_no_way_of_billing_a_call_exceeds_its_worst_case(price, usage, spare):
    assert price.nano(usage) <= price.worst_nano(usage.total_input + spare, usage.output + spare)


@given(model=st.sampled_from(CLAUDES), usage=usages)
def test_no_call_of_a_known_model_exceeds_its_worst_case(model, usage):
    request = ModelRequest(model=model, messages=(user("x"),), max_tokens=max(1, usage.output))
    assert Prices(NOW).cost(model, usage) <= Prices(NOW).worst_case(request, usage.total_input)


def test_the_worst_case_is_reached_when_everything_is_written_to_the_cache_for_an_hour():
    request = ModelRequest(model="claude-haiku-4-5", messages=(user("x"),), max_tokens=10)
    reached = Prices(NOW).cost("claude-haiku-4-5", Usage(cache_write_1h=1_000, output=10))
    assert Prices(NOW).worst_case(request, 1_000) == reached == 1_000 * 2_000 + 10 * 5_000


def test_a_long_prompt_is_dear_as_a_whole_and_cached_tokens_count_as_length():
    cost = Prices(NOW).cost
    assert cost("claude-haiku-5-5", Usage(input=100_000)) == 100_000 * 100
    assert cost("claude-haiku-5-5", Usage(input=100_001)) == 100_001 * 500
    assert cost("claude-haiku-5-5", Usage(input=1, cache_read=100_000)) == 500 + 100_000 * 50


def test_prices_are_those_of_the_day_the_run_began():
    long_prompt = Usage(input=300_000)
    before = Prices(datetime(2026, 3, 1, tzinfo=UTC).timestamp()).cost("claude-sonnet-4-6", long_prompt)
    assert (before, Prices(NOW).cost("claude-sonnet-4-6", long_prompt)) == (300_000 * 6_000, 300_000 * 3_000)


@pytest.mark.parametrize("model", ["claude-nobody-9", "my-finetune", ""])
def test_an_unknown_model_has_no_price_and_is_not_free(model):
    with pytest.raises(UnknownPrice, match="no price is known"):
        Prices(NOW).cost(model, Usage(input=1))


def test_a_users_price_comes_before_the_catalogue_and_the_fallback_after_it():
    mine, spare = Price(Rate.of("7", "9")), Price(Rate.of("70", "90"))
    prices = Prices(NOW, own={"claude-haiku-4-5": mine}, fallback=spare)
    assert prices.of("claude-haiku-4-5") is mine
    assert prices.cost("claude-sonnet-5", Usage(input=1)) == 2_000
    assert prices.of("my-finetune") is spare


def test_a_fraction_of_a_nano_dollar_is_rounded_up():
    assert Price(Rate.of("0.0001", "0")).nano(Usage(input=1)) == 1


@pytest.mark.parametrize("amount", [Decimal(-1), Decimal("NaN"), 0.5, "1"])
def test_a_price_that_is_no_amount_is_refused(amount):
    with pytest.raises(UsageError, match="price of input"):
        Rate(amount, Decimal(1), Decimal(1), Decimal(1), Decimal(1))


def test_importing_the_models_imports_neither_the_sdk_nor_the_catalogue():
    heavy = "{'anthropic', 'genai_prices', 'httpx2', 'jsonschema', 'ray'}"
    code = f"import sys, stigmergy.runtime.models; print(*{heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""
