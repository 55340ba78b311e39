"""The supervisor under all short histories, and under any events at all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stigmergy.actors.supervisor import Supervisor
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.supervision import (
    ChildSpec,
    Decision,
    Exit,
    GiveUp,
    Intensity,
    Phase,
    Restart,
    Start,
    Stop,
    Strategy,
    Supervision,
)
from tests.actors.supervised import ORDERED, PROMPT, child, make, supervision
from tests.depth import depth

# --- all short histories --------------------------------------------------------------------------------------------

Move = Callable[[Supervisor], list[Decision]]


def moves(supervisor: Supervisor, epochs: dict[str, int], now: float) -> Iterator[Move]:
    """What can happen next: a child comes up, crashes, ends or is lost; or everything is stopped."""
    for name, phase in supervisor.phases().items():
        epoch = epochs.get(name, 0)
        if phase is Phase.STARTING:
            yield lambda s, n=name, e=epoch: s.started(n, e, now)  # type: ignore[misc]
        if phase.up:
            for reason in (Exit.CRASHED, Exit.NORMAL):
                yield lambda s, n=name, e=epoch, r=reason: s.exited(n, e, r, now)  # type: ignore[misc]
    yield lambda s: s.stop(now)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("limit", [1, 100])
def test_no_short_history_breaks_the_rules(strategy: Strategy, limit: int) -> None:
    restarts = (Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY)
    spec = Supervision(
        tuple(
            ChildSpec(name, restart, Intensity(limit, 60), PROMPT)
            for name, restart in zip("abc", restarts, strict=True)
        ),
        strategy=strategy,
    )
    supervisor = make(spec)
    rules = Rules(strategy)
    rules.check(supervisor, {}, supervisor.begin(0))
    histories, longest = 0, depth(5, 6) if strategy in ORDERED else 4  # of one_for_one there are many more
    frontier: list[tuple[list[Move], Rules]] = [([], rules)]
    while frontier:
        history, rules = frontier.pop()
        for move in moves(after(spec, history), rules.epochs, len(history) + 1.0):
            supervisor, judged = after(spec, history), Rules(strategy, dict(rules.epochs), rules.over)
            phases = supervisor.phases()
            judged.check(supervisor, phases, move(supervisor))
            histories += 1
            if len(history) + 1 < longest:
                frontier.append(([*history, move], judged))
    assert histories > 800


def after(spec: Supervision, history: list[Move]) -> Supervisor:
    """A supervisor to which all that has happened: quicker than a copy of one."""
    supervisor = make(spec)
    supervisor.begin(0)
    for move in history:
        move(supervisor)
    return supervisor


@dataclass
class Rules:
    """What must hold after every event, whatever the history."""

    strategy: Strategy
    epochs: dict[str, int] = field(default_factory=dict)
    over: bool = False

    def check(self, supervisor: Supervisor, before: dict[str, Phase], decisions: list[Decision]) -> None:
        phases = supervisor.phases()
        order = list(phases)
        ordered, alone = self.strategy in ORDERED, self.strategy is Strategy.ONE_FOR_ONE
        self.over = self.over or any(isinstance(one, GiveUp) and not one.child for one in decisions)
        for one in decisions:
            if isinstance(one, Start):
                assert not self.over, "nothing starts after a stop"
                assert one.epoch > self.epochs.get(one.child, 0), "epochs only grow"
                self.epochs[one.child] = one.epoch
                assert before.get(one.child, Phase.DOWN) not in {Phase.ENDED, Phase.GIVEN_UP}
                if ordered:
                    earlier = order[: order.index(one.child)]
                    assert all(phases[name] in {Phase.RUNNING, Phase.ENDED} for name in earlier), "built on sand"
                if not alone:
                    assert Phase.STOPPING not in phases.values(), "starts while something still has to go"
            if isinstance(one, Stop):
                later = order[order.index(one.child) + 1 :]
                assert not ordered or not any(phases[name].up for name in later), "pulled from under a later child"
                assert one.epoch == self.epochs[one.child]
        if supervisor.stopped or (Phase.STOPPING in phases.values() and alone):
            self.over = True  # in one_for_one only a general stop stops anybody
        if self.over:
            assert not any(phase in {Phase.STARTING, Phase.RUNNING} for phase in phases.values()) or not alone


# --- any events at all ----------------------------------------------------------------------------------------------

EVENTS = st.tuples(
    st.sampled_from(["started", "crashed", "normal", "lost", "heartbeat", "tick", "tick", "add", "remove", "stop"]),
    st.sampled_from("abc"),
    st.integers(0, 2),
    st.floats(-2, 20),
)


@settings(max_examples=depth(100, 300))
@given(st.sampled_from(Strategy), st.lists(EVENTS, max_size=60))
def test_no_events_however_senseless_start_anything_after_a_stop_or_reuse_an_epoch(
    strategy: Strategy, events: list[tuple[str, str, int, float]]
) -> None:
    supervisor = Supervisor(supervision("a", "b", strategy=strategy), draw=lambda: 0.5)
    decisions = supervisor.begin(0)
    newest: dict[str, int] = {}
    now, over = 0.0, False
    for kind, name, behind, elapsed in [("tick", "a", 0, 0.0), *events]:
        for one in decisions:
            if isinstance(one, Start):
                assert not over
                assert one.epoch > newest.get(one.child, 0)
                assert 0 <= one.after_s <= 30
                newest[one.child] = one.epoch
            over = over or (isinstance(one, GiveUp) and not one.child)
        now += elapsed
        over = over or kind == "stop"
        epoch = max(0, newest.get(name, 0) - behind)
        decisions = happen(supervisor, kind, name, epoch, now)


def happen(supervisor: Supervisor, kind: str, name: str, epoch: int, now: float) -> list[Decision]:
    exits = {"crashed": Exit.CRASHED, "normal": Exit.NORMAL, "lost": Exit.LOST}
    if kind in exits:
        return supervisor.exited(name, epoch, exits[kind], now)
    if kind == "add":
        try:
            return supervisor.add(child(name), now)
        except UsageError:
            return []
    if kind in {"tick", "stop"}:
        return supervisor.tick(now) if kind == "tick" else supervisor.stop(now)
    if kind == "remove":
        return supervisor.remove(name, now)
    return supervisor.started(name, epoch, now) if kind == "started" else supervisor.heartbeat(name, epoch, now)
