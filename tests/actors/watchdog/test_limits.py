from dataclasses import fields
from math import inf

import pytest

from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.protocols.errors import UsageError


def test_every_limit_is_on_by_default():
    assert all(0 < getattr(LoopLimits(), field.name) < inf for field in fields(LoopLimits))


def test_the_limits_for_simulations_keep_asks_turns_and_quarantines():
    limits = LoopLimits.simulation()
    assert not limits.weighs
    assert limits.forgotten_ask_s < inf
    assert limits.overdue < inf
    assert limits.swarm_quarantines < inf


@pytest.mark.parametrize("field", [field.name for field in fields(LoopLimits)])
def test_a_limit_of_zero_is_refused(field):
    with pytest.raises(UsageError, match=field):
        LoopLimits(**{field: 0})


@pytest.mark.parametrize("name", ["repeats", "barren", "circling"])
def test_a_warning_after_its_verdict_is_refused(name):
    with pytest.raises(UsageError, match=f"{name}_warn is 3, above {name}, which is 2"):
        LoopLimits(**{name: 2, f"{name}_warn": 3})
