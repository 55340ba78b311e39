"""Trails: deposits commute, evaporation in closed form is evaporation step by step, watching changes nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest

from stigmergy.actors.board.field import LARGEST
from stigmergy.actors.board.trails import TrailRule, Trails, half_life
from stigmergy.protocols.errors import InvalidName, JournalError, StorageFull, UsageError
from tests.actors.board.entries import Entries


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def trails(entries: Entries) -> Trails:
    return Trails(entries)


def trail(rule: TrailRule | None = None) -> Trails:
    trails = Trails(Entries())
    trails.define("t", rule or TrailRule(), 0.0)
    return trails


def test_deposits_add_up_and_untouched_keys_hold_the_baseline() -> None:
    trails = trail(TrailRule(baseline=0.5))
    trails.deposit("t", {"a": 1.0, "b": 2.0}, 0.0)
    trails.deposit("t", {"a": 0.25}, 1.0)

    assert trails.read("t", 2.0) == {"a": 1.75, "b": 2.5}
    assert trails.read("t", 2.0, keys=["a", "z"]) == {"a": 1.75, "z": 0.5}
    assert trails.baseline("t", 2.0) == 0.5


def test_an_intensity_halves_in_its_half_life() -> None:
    trails = trail(TrailRule(evaporation=half_life(600.0), baseline=8.0))
    trails.deposit("t", {"a": 8.0}, 0.0)

    assert trails.read("t", 600.0, keys=["a", "z"]) == pytest.approx({"a": 8.0, "z": 4.0})
    assert trails.read("t", 1800.0, keys=["a", "z"]) == pytest.approx({"a": 2.0, "z": 1.0})


def test_a_trail_that_nobody_touched_for_ages_reads_as_its_floor() -> None:
    trails = trail(TrailRule(evaporation=0.5, floor=0.1, baseline=0.1))
    trails.deposit("t", {"a": 1e300}, 0.0)

    assert trails.read("t", 1e12) == {"a": 0.1}


def test_full_evaporation_leaves_only_what_is_deposited_now() -> None:
    trails = trail(TrailRule(evaporation=1.0))
    trails.deposit("t", {"a": 3.0}, 5.0)

    assert trails.read("t", 5.0) == {"a": 3.0}
    assert trails.read("t", 5.5) == {"a": 0.0}


def test_blending_is_done_once_for_each_time_a_key_is_listed() -> None:
    trails = trail(TrailRule(baseline=1.0))
    trails.blend("t", ["a", "b", "a"], 0.0, 0.5, 0.0)

    assert trails.read("t", 0.0) == {"a": 0.25, "b": 0.5}


def test_no_key_leaves_the_bounds() -> None:
    trails = trail(TrailRule(evaporation=0.5, floor=1.0, baseline=2.0, ceiling=4.0))
    trails.deposit("t", {"a": 100.0}, 0.0)
    trails.blend("t", ["b"], 0.0, 1.0, 0.0)

    assert trails.read("t", 0.0) == {"a": 4.0, "b": 1.0}
    assert trails.read("t", 9.0, keys=["a", "z"]) == {"a": 1.0, "z": 1.0}


def test_deposits_beyond_every_float_stay_numbers() -> None:
    trails = trail()
    for _ in range(3):
        trails.deposit("t", {"a": LARGEST}, 0.0)
    trails.blend("t", ["a"], 5.0, 1.0, 0.0)

    assert trails.read("t", 0.0) == {"a": 5.0}


def test_the_strongest_come_first_and_equals_by_key() -> None:
    trails = trail(TrailRule(evaporation=0.1))
    trails.deposit("t", {"d": 1.0, "b": 3.0, "c": 3.0, "a": 2.0}, 0.0)

    assert trails.strongest("t", 3, 0.0) == [("b", 3.0), ("c", 3.0), ("a", 2.0)]
    assert trails.strongest("t", 0, 0.0) == []


def test_a_prefix_selects_keys() -> None:
    trails = trail()
    trails.deposit("t", {"c/1": 1.0, "d/1": 2.0, "c/2": 3.0}, 0.0)

    assert trails.read("t", 0.0, prefix="c/") == {"c/1": 1.0, "c/2": 3.0}


def test_a_new_rule_holds_from_now_on_and_the_same_rule_is_no_entry(trails: Trails, entries: Entries) -> None:
    assert trails.define("t", TrailRule(evaporation=0.5, baseline=8.0), 0.0)
    assert not trails.define("t", TrailRule(evaporation=0.5, baseline=8.0), 1.0)
    trails.deposit("t", {"a": 8.0}, 0.0)
    trails.deposit("t", {"b": 40.0}, 0.0)
    assert trails.define("t", TrailRule(baseline=1.0, ceiling=5.0), 2.0)

    assert trails.read("t", 9.0, keys=["a", "b", "z"]) == {"a": 4.0, "b": 5.0, "z": 1.0}
    assert trails.rule("t") == TrailRule(baseline=1.0, ceiling=5.0)
    assert trails.rule("u") is None
    assert len(entries) == 4


def test_a_cleared_trail_is_at_its_full_baseline_again() -> None:
    trails = trail(TrailRule(evaporation=0.5, baseline=8.0))
    trails.deposit("t", {"a": 1.0}, 0.0)
    trails.clear("t", 5.0)

    assert trails.read("t", 6.0) == {}
    assert trails.baseline("t", 6.0) == 4.0


def test_a_repeated_operation_adds_nothing_until_its_turn_is_forgotten(trails: Trails, entries: Entries) -> None:
    trails.define("t", TrailRule(), 0.0)
    trails.connect("t", {"a": ["b"]})
    for _ in range(100):
        trails.deposit("t", {"a": 4.0}, 0.0, op="turn1:0")
        trails.blend("t", ["a"], 0.0, 0.5, 0.0, op="turn1:1")
        trails.diffuse("t", 0.5, 0.0, op="turn2:0")
    assert trails.read("t", 0.0) == {"a": 1.0, "b": 1.0}
    assert len(entries) == 5

    trails.forget(["turn1", "never seen"])
    trails.forget(["turn1"])
    trails.deposit("t", {"a": 4.0}, 0.0, op="turn1:0")
    trails.diffuse("t", 0.5, 0.0, op="turn2:0")
    assert trails.read("t", 0.0) == {"a": 5.0, "b": 1.0}
    assert len(entries) == 7


def test_pruning_forgets_what_is_as_good_as_untouched() -> None:
    trails = trail(TrailRule(evaporation=0.5))
    trails.deposit("t", {"old": 1.0}, 0.0)
    trails.deposit("t", {"new": 1.0}, 20.0)

    assert trails.prune("t", 1e-3, 20.0) == 1
    assert trails.prune("t", 1e-3, 20.0) == 0
    assert trails.read("t", 20.0) == {"new": 1.0}


def test_diffusion_gives_equal_parts_to_neighbours_and_loses_nothing() -> None:
    trails = trail()
    trails.connect("t", {"a": ["b", "c"], "b": ["a"], "c": ["a"], "island": []})
    trails.deposit("t", {"a": 8.0, "b": 4.0, "island": 1.0}, 0.0)
    trails.diffuse("t", 0.5, 0.0)

    assert trails.read("t", 0.0) == {"a": 6.0, "b": 4.0, "c": 2.0, "island": 1.0}


REFUSED: list[Callable[[Trails], object]] = [
    lambda t: t.deposit("none", {"a": 1.0}, 0.0),
    lambda t: t.read("none", 0.0),
    lambda t: t.diffuse("none", 0.1, 0.0),
    lambda t: t.deposit("t", {"a": -1.0}, 0.0),
    lambda t: t.deposit("t", {"a": math.nan}, 0.0),
    lambda t: t.deposit("t", {"a": 1.0, "b": math.inf}, 0.0),
    lambda t: t.deposit("t", {"": 1.0}, 0.0),
    lambda t: t.blend("t", ["a"], -1.0, 0.1, 0.0),
    lambda t: t.blend("t", ["a"], 1.0, 1.5, 0.0),
    lambda t: t.diffuse("t", -0.1, 0.0),
    lambda t: t.connect("t", {"a": [""]}),
    lambda t: t.prune("t", -1.0, 0.0),
]


@pytest.mark.parametrize("command", REFUSED)
def test_an_impossible_command_is_refused_and_changes_nothing(
    trails: Trails, entries: Entries, command: Callable[[Trails], object]
) -> None:
    trails.define("t", TrailRule(), 0.0)
    with pytest.raises(UsageError):
        command(trails)
    assert len(entries) == 1
    assert trails.read("t", 0.0) == {}


def test_a_trail_needs_a_name_that_can_be_a_name(trails: Trails) -> None:
    with pytest.raises(InvalidName):
        trails.define("no good", TrailRule(), 0.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"evaporation": -0.1},
        {"evaporation": 1.1},
        {"evaporation": math.nan},
        {"floor": -1.0},
        {"floor": 2.0, "baseline": 1.0},
        {"baseline": 2.0, "ceiling": 1.0},
        {"ceiling": math.inf},
    ],
)
def test_an_impossible_rule_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="not valid"):
        TrailRule(**fields)


def test_an_impossible_half_life_is_refused() -> None:
    with pytest.raises(UsageError):
        half_life(0.0)


def test_what_the_journal_refuses_does_not_happen(trails: Trails, entries: Entries) -> None:
    trails.define("t", TrailRule(), 0.0)
    entries.full = True
    with pytest.raises(StorageFull):
        trails.deposit("t", {"a": 1.0}, 0.0)

    assert trails.read("t", 0.0) == {}


def test_an_entry_of_another_kind_is_refused(trails: Trails) -> None:
    with pytest.raises(JournalError, match="newer version"):
        trails.apply("trails.shred", {})


def test_a_tour_of_30_edges_is_one_entry_of_less_than_300_bytes(trails: Trails, entries: Entries) -> None:
    trails.define("tau", TrailRule(baseline=0.001), 0.0)
    tour = [*range(30), 0]
    trails.blend("tau", [f"{min(e)}-{max(e)}" for e in pairwise(tour)], 0.001, 0.1, 1.0)

    assert len(entries) == 2
    assert len(entries.rows[1][1]) < 300
