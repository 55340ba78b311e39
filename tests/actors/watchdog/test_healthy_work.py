import random

import pytest

from stigmergy.actors.watchdog.limits import LoopLimits
from tests.actors.watchdog import offices, swarms
from tests.actors.watchdog.texts import quoted
from tests.actors.watchdog.traffic import Traffic

HEALTHY = [*swarms.SCENARIOS, *offices.SCENARIOS]


@pytest.mark.parametrize("scenario", HEALTHY, ids=lambda scenario: scenario.__name__)
def test_nothing_trips_on(scenario):
    traffic = Traffic()
    scenario(traffic)
    assert traffic.verdicts == []
    assert traffic.watchdog.sweep(traffic.now) == []
    assert traffic.watchdog.sweep(traffic.now + 3_600) == []


@pytest.mark.parametrize("scenario", HEALTHY, ids=lambda scenario: scenario.__name__)
def test_a_watchdog_that_forgets_nearly_everything_still_trips_on_nothing(scenario):
    traffic = Traffic(LoopLimits(memory=64, conversations=4))
    scenario(traffic)
    assert traffic.verdicts == []


@pytest.mark.parametrize(("limits", "passes"), [(LoopLimits.simulation(), True), (LoopLimits(), False)])
def test_a_game_of_a_thousand_moves_by_messages_needs_the_limits_for_simulations(limits, passes):
    rng, traffic = random.Random(1), Traffic(limits)
    message = traffic.send("user/0", "player/1", "Play", quoted("prisoner's dilemma"))
    for turn in range(1_000):
        players = ("player/1", "player/2") if turn % 2 == 0 else ("player/2", "player/1")
        message = traffic.send(*players, "Move", quoted(rng.choice(["cooperate", "defect"])), after=message)
    assert (traffic.verdicts == []) == passes
