from __future__ import annotations

import decimal
import pickle
from decimal import Decimal
from fractions import Fraction

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.budget import FIELDS, MAX_AMOUNT, Budget, Spend, in_units
from stigmergy.protocols.errors import Malformed, UsageError
from stigmergy.protocols.money import MAX_USD, allowed_nano, shown, spent_nano, usd_text

NO_AMOUNTS = [-1, -0.01, float("nan"), float("inf"), Decimal("sNaN"), True, False, 10**5_000, 1e19, [1], b"1"]

counts = st.integers(0, 10**15)
spends = st.builds(
    Spend,
    usd=st.decimals(0, 10**6, places=9),
    tokens=counts,
    model_calls=counts,
    tool_calls=counts,
    messages=counts,
    agents=counts,
    depth=st.integers(0, 100),
    seconds=st.integers(0, 10**6),
)


@pytest.mark.parametrize("usd", [0.80, "0.80", "0.8", Decimal("0.8000"), 4 / 5])
def test_money_is_the_same_however_it_is_written(usd):
    assert Budget(usd=usd) == Budget(usd="0.80")
    assert Budget(usd=usd).nano_usd == 800_000_000


def test_a_million_cached_tokens_cost_exactly_a_cent():
    one = Spend(usd=1e-8)

    total = Spend()
    for _ in range(1_000):
        total += one

    assert total.nano_usd * 1_000 == spent_nano("0.01")


def test_a_cost_rounds_up_and_a_ceiling_rounds_down():
    assert Spend(usd="0.0000000001").nano_usd == 1
    assert Budget(usd="0.0000000019").nano_usd == 1


@given(st.decimals(0, MAX_USD, places=14))
def test_rounding_never_favours_the_spender_and_is_less_than_a_nano_dollar(usd):
    exact = Fraction(usd) * 10**9
    assert 0 <= spent_nano(usd) - exact < 1
    assert 0 <= exact - allowed_nano(usd) < 1


def test_the_callers_decimal_context_does_not_matter():
    with decimal.localcontext(decimal.Context(prec=2, rounding=decimal.ROUND_DOWN, traps=[])):
        assert spent_nano("123456.7890000001") == 123_456_789_000_001


@pytest.mark.parametrize(
    "usd", [*NO_AMOUNTS, "NaN", "-0.5", "-inf", "", "abc", "1 USD", "1e999999", MAX_USD + 1], ids=shown
)
def test_what_is_not_an_amount_of_money_is_refused(usd):
    with pytest.raises(UsageError, match="usd is"):
        Budget(usd=usd)
    with pytest.raises(UsageError, match="usd is"):
        Spend(usd=usd)


@pytest.mark.parametrize("field", FIELDS[1:])
@pytest.mark.parametrize("amount", [*NO_AMOUNTS, "7", MAX_AMOUNT + 1], ids=shown)
def test_what_is_not_an_amount_is_refused_in_every_dimension(field, amount):
    with pytest.raises(UsageError, match=field):
        Budget(**{field: amount})
    with pytest.raises(UsageError, match=field):
        Spend(**{field: amount})


def test_counts_are_whole_and_seconds_may_have_a_fraction():
    assert Budget(tokens=1e6).tokens == 1_000_000  # type: ignore[arg-type]
    assert Budget(seconds=1.5).seconds == 1.5
    with pytest.raises(UsageError, match="whole number"):
        Budget(tokens=1.5)  # type: ignore[arg-type]


def test_none_means_unlimited_in_a_budget_and_is_no_amount_in_a_spend():
    assert Budget(tokens=None) == Budget()
    with pytest.raises(UsageError, match="tokens is None"):
        Spend(tokens=None)  # type: ignore[arg-type]


def test_both_read_as_a_person_would_say_them():
    assert str(Spend(usd="0.0123", tokens=1_234)) == "0.0123 USD, 1,234 tokens"
    assert str(Spend(model_calls=1, tool_calls=2, agents=1, depth=3, seconds=2.5)) == (
        "1 model call, 2 tool calls, 1 agent, depth 3, 2.5 s"
    )
    assert str(Spend()) == "nothing"
    assert str(Budget()) == "unlimited"
    assert str(Budget(usd=0)) == "0 USD"
    assert usd_text(1_234_500_000_001) == "1,234.500000001"


@given(spends)
def test_the_repr_of_a_spend_makes_an_equal_one(spend):
    assert eval(repr(spend)) == spend


@given(spends)
def test_the_plain_form_survives_msgpack(spend):
    assert Spend.from_plain(msgpack.unpackb(msgpack.packb(spend.to_plain()))) == spend
    assert 0 not in spend.to_plain().values()


@given(st.dictionaries(st.sampled_from(FIELDS), st.integers(0, 2**53)))  # seconds are floats: exact up to there
def test_the_plain_form_of_a_budget_names_its_ceilings_only(plain):
    budget = Budget.from_plain(plain)
    assert budget.to_plain() == plain
    assert Budget.from_plain(msgpack.unpackb(msgpack.packb(budget.to_plain()))) == budget


@pytest.mark.parametrize(
    "data", [None, [], "x", {1: 1}, {"usd": 1}, {"tokens": -1}, {"tokens": None}, {"tokens": 0.5}, {"tokens": "1"}]
)
def test_a_wrong_plain_form_is_malformed(data):
    with pytest.raises(Malformed):
        Spend.from_plain(data)
    with pytest.raises(Malformed):
        Budget.from_plain(data)


@given(spends, spends)
def test_sums_add_up_except_for_depth(a, b):
    assert a + b == b + a
    assert (a + b).tokens == a.tokens + b.tokens
    assert (a + b).nano_usd == a.nano_usd + b.nano_usd
    assert (a + b).depth == max(a.depth, b.depth)


@given(spends, spends)
def test_a_difference_is_what_goes_beyond_and_never_negative(a, b):
    difference = a - b
    assert all(getattr(difference, field) >= 0 for field in FIELDS)
    assert all(
        getattr(b, field) + getattr(difference, field) == max(getattr(a, field), getattr(b, field))
        for field in FIELDS
        if field != "depth"
    )
    assert difference.depth == (a.depth if a.depth > b.depth else 0)
    assert not a - (a + b)


def test_a_sum_beyond_the_largest_amount_is_refused():
    with pytest.raises(UsageError, match="tokens"):
        Spend(tokens=MAX_AMOUNT) + Spend(tokens=1)


def test_a_spend_is_true_when_anything_was_spent():
    assert not Spend()
    assert Spend(depth=1)
    assert Spend(usd="0.000000001")


def test_budgets_and_spends_are_values():
    assert {Spend(usd=0.1), Spend(usd="0.1")} == {Spend(usd="0.10")}
    assert pickle.loads(pickle.dumps(Budget(usd=1, depth=3))) == Budget(usd=1, depth=3)
    with pytest.raises(AttributeError):
        Budget(usd=1).tokens = 5  # type: ignore[misc]


def test_errors_and_alerts_speak_of_dollars():
    assert in_units("nano_usd", 12_300_000) == 0.0123
    assert in_units("tokens", 5) == 5.0
