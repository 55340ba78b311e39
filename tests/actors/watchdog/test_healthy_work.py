import random

import pytest

from stigmergy.actors.watchdog.limits import LoopLimits
from tests.actors.watchdog import offices, swarms
from tests.actors.watchdog.texts import quoted
from tests.actors.watchdog.traffic import Traffic

HEALTHY = [*swarms.SCENARIOS, *offices.SCENARIOS]


class Watched(Traffic):
    """Traffic with a second watchdog, which forgets nearly everything."""

    def __init__(self):
        super().__init__()
        self.forgetful = Traffic(LoopLimits(memory=64, conversations=4))

    def see(self, envelope):
        self.forgetful.now = self.now
        self.forgetful.see(envelope)
        return super().see(envelope)

    def progress(self, cause):
        self.forgetful.progress(cause)
        super().progress(cause)

    def close(self, conversation):
        self.forgetful.close(conversation)
        super().close(conversation)


@pytest.fixture(scope="module", params=HEALTHY, ids=lambda scenario: scenario.__name__)
def traffic(request):
    watched = Watched()
    request.param(watched)
    return watched


def test_nothing_trips_on(traffic):
    assert traffic.verdicts == []
    assert traffic.watchdog.sweep(traffic.now) == []
    assert traffic.watchdog.sweep(traffic.now + 3_600) == []


def test_a_watchdog_that_forgets_nearly_everything_still_trips_on_nothing(traffic):
    assert traffic.forgetful.verdicts == []


@pytest.mark.parametrize(("limits", "passes"), [(LoopLimits.simulation(), True), (LoopLimits(), False)])
def test_a_game_of_a_thousand_moves_by_messages_needs_the_limits_for_simulations(limits, passes):
    rng, traffic = random.Random(1), Traffic(limits)
    message = traffic.send("user/0", "player/1", "Play", quoted("prisoner's dilemma"))
    for turn in range(1_000):
        players = ("player/1", "player/2") if turn % 2 == 0 else ("player/2", "player/1")
        message = traffic.send(*players, "Move", quoted(rng.choice(["cooperate", "defect"])), after=message)
    assert (traffic.verdicts == []) == passes
