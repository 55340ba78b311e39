"""The laws of trails: what holds for every deposit, every rule and every moment."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.board.trails import TrailRule, Trails
from tests.actors.board.entries import Entries

KEYS = ("a", "b", "c/1", "c/2")
AMOUNTS = st.floats(0, 1e6)
TIMES = st.integers(0, 50).map(float)
DEPOSITS = st.lists(st.tuples(st.sampled_from(KEYS), AMOUNTS, TIMES), max_size=12)


def trail(rule: TrailRule | None = None) -> Trails:
    trails = Trails(Entries())
    trails.define("t", rule or TrailRule(), 0.0)
    return trails


def close(left: dict[str, float], right: dict[str, float]) -> bool:
    return left.keys() == right.keys() and all(
        math.isclose(left[k], right[k], rel_tol=1e-9, abs_tol=1e-9) for k in left
    )


@given(amounts=st.dictionaries(st.sampled_from([f"{i}" for i in range(9)]), AMOUNTS), steps=st.integers(1, 20))
def test_diffusion_on_a_ring_conserves_the_sum_and_evens_it_out(amounts: dict[str, float], steps: int) -> None:
    trails = trail()
    trails.connect("t", {f"{i}": [f"{(i - 1) % 9}", f"{(i + 1) % 9}"] for i in range(9)})
    trails.deposit("t", amounts, 0.0)
    spread = max(amounts.values(), default=0.0) - min(amounts.values(), default=0.0)
    for _ in range(steps):
        trails.diffuse("t", 0.3, 0.0)
    held = trails.read("t", 0.0).values()

    assert sum(held) == pytest.approx(sum(amounts.values()))
    if len(amounts) == 9:
        assert max(held) - min(held) <= spread * (1 + 1e-9)


@given(deposits=DEPOSITS, seed=st.integers(0, 99), evaporation=st.floats(0, 1), baseline=st.floats(0, 100))
def test_deposits_commute_late_ones_too(
    deposits: list[tuple[str, float, float]], seed: int, evaporation: float, baseline: float
) -> None:
    rule = TrailRule(evaporation=evaporation, baseline=baseline)
    one, other = trail(rule), trail(rule)
    for key, amount, now in deposits:
        one.deposit("t", {key: amount}, now)
    for key, amount, now in random.Random(seed).sample(deposits, len(deposits)):
        other.deposit("t", {key: amount}, now)

    assert close(one.read("t", 50.0, keys=KEYS), other.read("t", 50.0, keys=KEYS))


@given(amounts=st.lists(AMOUNTS, min_size=1), seed=st.integers(0, 99), ceiling=st.floats(1, 1e6))
def test_deposits_of_one_moment_commute_under_a_ceiling(amounts: list[float], seed: int, ceiling: float) -> None:
    one, other = trail(TrailRule(ceiling=ceiling)), trail(TrailRule(ceiling=ceiling))
    for amount in amounts:
        one.deposit("t", {"a": amount}, 1.0)
    for amount in random.Random(seed).sample(amounts, len(amounts)):
        other.deposit("t", {"a": amount}, 1.0)

    assert close(one.read("t", 1.0), other.read("t", 1.0))


@given(
    deposits=DEPOSITS,
    evaporation=st.floats(0, 0.99),
    floor=st.floats(0, 10),
    span=st.floats(0, 10),
    top=st.floats(0, 1e6),
)
def test_closed_form_evaporation_is_evaporation_step_by_step(
    deposits: list[tuple[str, float, float]], evaporation: float, floor: float, span: float, top: float
) -> None:
    rule = TrailRule(evaporation, floor + span, floor, floor + span + top)
    trails = trail(rule)
    stepwise = dict.fromkeys(KEYS, rule.baseline)
    for now in range(52):
        for key, amount, at in deposits:
            if at == now:
                trails.deposit("t", {key: amount}, at)
                stepwise[key] = min(stepwise[key] + amount, rule.ceiling)
        assert close(trails.read("t", float(now), keys=KEYS), stepwise)
        stepwise = {key: max(value * (1 - evaporation), floor) for key, value in stepwise.items()}


@given(deposits=DEPOSITS, evaporation=st.floats(0, 1))
def test_reading_changes_no_bit(deposits: list[tuple[str, float, float]], evaporation: float) -> None:
    watched, unwatched = trail(TrailRule(evaporation)), trail(TrailRule(evaporation))
    for key, amount, now in deposits:
        watched.deposit("t", {key: amount}, now)
        unwatched.deposit("t", {key: amount}, now)
        watched.strongest("t", 2, now + 3.0)
        watched.read("t", now + 0.5, keys=KEYS)

    assert watched.read("t", 60.0, keys=KEYS) == unwatched.read("t", 60.0, keys=KEYS)


@given(deposits=DEPOSITS, evaporation=st.floats(0, 1), floor=st.floats(0, 1), now=TIMES)
def test_one_key_reads_the_same_alone_and_among_all(
    deposits: list[tuple[str, float, float]], evaporation: float, floor: float, now: float
) -> None:
    trails = trail(TrailRule(evaporation, baseline=floor, floor=floor))
    for key, amount, at in deposits:
        trails.deposit("t", {key: amount}, at)

    whole = trails.read("t", now)
    assert whole == trails.read("t", now, keys=whole)
