"""The simulator itself: seeds hold, a seed is a run, and a safeguard that is gone is noticed.

The thousands of seeds, with one board or several, are `python -m tests.simulation`; `make test` runs them right after
these, so a few are enough here.
"""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from tests.simulation.judge import judge
from tests.simulation.mutations import MUTATIONS, Mutation

SEEDS = 120
"""Within so many seeds each mutation is caught."""


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_violated(seed):
    assert judge(seed).violations == []


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("shards", [2, 3])
def test_nothing_is_violated_with_several_shards(seed, shards):
    assert judge(seed, shards=shards).violations == []


def is_caught(mutation: Mutation, seed: int) -> bool:
    """Whether a seed notices that a safeguard is gone."""
    return any(said.startswith(mutation.caught_as) for said in judge(seed, shards=mutation.shards).violations)


def test_the_same_seed_is_the_same_run():
    first: list[str] = []
    second: list[str] = []
    assert judge(3, first.append) == judge(3, second.append)
    assert first == second
    assert len(first) > 20


@pytest.mark.filterwarnings("default:a safeguard:UserWarning")
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_safeguard_that_is_gone_is_noticed(name, monkeypatch):
    mutation = MUTATIONS[name]
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # the hosts of a run replace it
    mutation.take_away(monkeypatch)
    seeds = range(mutation.first, mutation.first + SEEDS)
    seed = next((seed for seed in seeds if is_caught(mutation, seed)), None)
    assert seed is not None, f"none of the seeds {seeds} notices that {name!r}"
    monkeypatch.undo()
    if seed != mutation.first:
        warnings.warn(f"a safeguard is missed later: {name!r} has first={mutation.first}, make it {seed}", stacklevel=1)


def test_the_command_replays_a_seed_in_another_process():
    command = [sys.executable, "-m", "tests.simulation", "--seed", "3"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert judge(3).journal in told
    assert told.endswith("nothing is violated\n")
