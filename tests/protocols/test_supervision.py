"""The figures of supervision, and that senseless ones are refused."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.errors import InvalidName, UsageError
from stigmergy.protocols.supervision import (
    Backoff,
    ChildSpec,
    Intensity,
    Liveness,
    MessageRetry,
    Phase,
    Supervision,
)


def test_the_waits_between_restarts_double_from_half_a_second_to_thirty() -> None:
    backoff = Backoff()
    assert [backoff.ceiling_s(retry) for retry in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_message_is_tried_three_times_with_waits_from_a_tenth_of_a_second() -> None:
    retry = MessageRetry()
    assert [retry.wait_s(attempts, 1.0) for attempts in (1, 2, 3, 4)] == [0.1, 0.2, None, None]
    assert MessageRetry(attempts=99).wait_s(98, 1.0) == 5.0


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_is_full_and_the_longest_wait_holds_for_any_retry(retry: int, draw: float) -> None:
    backoff = Backoff()
    assert 0 <= backoff.wait_s(retry, draw) <= 30
    assert backoff.wait_s(retry, 0.0) == 0


@pytest.mark.parametrize("backoff", [Backoff(0.0, 2.0, 5.0), Backoff(1.0, 1.0, 1.0)])
def test_a_backoff_that_does_not_grow_is_allowed(backoff: Backoff) -> None:
    assert backoff.ceiling_s(10_000) == backoff.first_s


def test_the_defaults_keep_a_lease_shorter_than_a_takeover() -> None:
    limits = Liveness()
    assert (limits.heartbeat_s, limits.suspect_s, limits.kill_s) == (1, 3, 10)
    assert (limits.lease_s, limits.takeover_s) == (10, 15)
    assert (Intensity().restarts, Intensity().within_s) == (3, 60)
    assert (Supervision().intensity.restarts, Supervision().intensity.within_s) == (10, 300)
    assert ChildSpec("a").shutdown_ms == 5_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: Intensity(restarts=-1),
        lambda: Intensity(within_s=0),
        lambda: Backoff(first_s=-1),
        lambda: Backoff(first_s=40),
        lambda: Backoff(factor=0.5),
        lambda: Backoff(first_s=float("nan")),
        lambda: MessageRetry(attempts=0),
        lambda: Liveness(suspect_s=0.5),
        lambda: Liveness(kill_s=2),
        lambda: Liveness(kill_s=16),
        lambda: Liveness(lease_s=15),
        lambda: Liveness(lease_s=0),
        lambda: Liveness(start_s=0),
        lambda: ChildSpec("a", shutdown_ms=-1),
        lambda: Supervision((ChildSpec("a"), ChildSpec("a"))),
        lambda: Supervision(most_given_up=1.5),
    ],
)
def test_figures_that_contradict_each_other_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(UsageError):
        make()


def test_a_child_has_a_name_that_can_be_an_actor_and_a_file() -> None:
    with pytest.raises(InvalidName):
        ChildSpec("not a name")


def test_specifications_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Intensity().restarts = 5  # type: ignore[misc]


def test_only_a_child_with_a_process_is_up() -> None:
    assert {phase.name for phase in Phase if phase.up} == {"STARTING", "RUNNING", "STOPPING"}
