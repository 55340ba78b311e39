"""Trails under random commands, against the replay of their own entries."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stigmergy.actors.board.trails import TrailRule, Trails
from tests.actors.board.entries import Entries
from tests.depth import depth

KEYS = ("a", "b", "c/1", "c/2")
AMOUNTS = st.floats(0, 1e6)
OPS = st.sampled_from(["", "t1:0", "t1:1", "t2:0"])


class TrailsAgainstTheirEntries(RuleBasedStateMachine):
    """Random commands; at every step the replayed entries give the same bits."""

    @initialize(evaporation=st.sampled_from([0.0, 0.1, 1.0]), floor=st.sampled_from([0.0, 0.5]))
    def begin(self, evaporation: float, floor: float) -> None:
        self.entries = Entries()
        self.trails = Trails(self.entries)
        self.now = 0.0
        self.trails.define("t", TrailRule(evaporation, baseline=1.0, floor=floor, ceiling=1e4), 0.0)

    @rule(amounts=st.dictionaries(st.sampled_from(KEYS), AMOUNTS), ago=st.sampled_from([0.0, 0.3, 7.0]), op=OPS)
    def deposit(self, amounts: dict[str, float], ago: float, op: str) -> None:
        self.trails.deposit("t", amounts, self.now - ago, op=op)

    @rule(turn=st.sampled_from(["t1", "t2"]))
    def forget(self, turn: str) -> None:
        self.trails.forget([turn])

    @rule(keys=st.lists(st.sampled_from(KEYS)), toward=AMOUNTS, rate=st.floats(0, 1))
    def blend(self, keys: list[str], toward: float, rate: float) -> None:
        self.trails.blend("t", keys, toward, rate, self.now)

    @rule(near=st.dictionaries(st.sampled_from(KEYS), st.lists(st.sampled_from(KEYS), max_size=3)))
    def connect(self, near: dict[str, list[str]]) -> None:
        self.trails.connect("t", near)

    @rule(share=st.floats(0, 1))
    def diffuse(self, share: float) -> None:
        self.trails.diffuse("t", share, self.now)

    @rule(evaporation=st.sampled_from([0.0, 0.01, 0.5]), ceiling=st.sampled_from([2.0, 1e9]))
    def change_the_rule(self, evaporation: float, ceiling: float) -> None:
        self.trails.define("t", TrailRule(evaporation, baseline=1.5, ceiling=ceiling), self.now)

    @rule(within=st.sampled_from([0.0, 0.1, 10.0]))
    def prune(self, within: float) -> None:
        self.trails.prune("t", within, self.now)

    @rule()
    def clear(self) -> None:
        self.trails.clear("t", self.now)

    @rule(seconds=st.sampled_from([0.25, 1.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def it_is_the_fold_of_its_entries(self) -> None:
        state = self.trails.snapshot()
        restored = Trails(Entries())
        restored.apply("trails.restore", state)
        for other in (self.entries.replay(Trails(Entries())), restored):
            assert other.snapshot() == state
            assert list(other.read("t", self.now + 1).items()) == list(self.trails.read("t", self.now + 1).items())

    @invariant()
    def every_intensity_is_within_the_bounds(self) -> None:
        bounds = self.trails.rule("t")
        assert bounds is not None
        held = self.trails.read("t", self.now, keys=KEYS)
        assert all(bounds.floor <= value <= bounds.ceiling for value in held.values())


TestTrailsAgainstTheirEntries = TrailsAgainstTheirEntries.TestCase
TestTrailsAgainstTheirEntries.settings = settings(stateful_step_count=depth(16, 25))
