"""The life of a task. A2A's own enum judges the names."""

from itertools import product
from pathlib import Path

import pytest
from a2a.types import TaskState as A2AState
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.lifecycle import (
    INITIAL,
    INTERRUPTED,
    MOVES,
    TERMINAL,
    TaskEvent,
    TaskState,
    advance,
    diagram,
    page,
)

PAGE = Path(__file__).parents[2] / "docs" / "lifecycle.md"


def test_the_states_are_those_of_a2a_without_unspecified() -> None:
    assert {state.wire for state in TaskState} == set(A2AState.keys()) - {"TASK_STATE_UNSPECIFIED"}


@pytest.mark.parametrize("state", TaskState)
def test_a_state_is_found_again_by_its_name_on_the_wire(state: TaskState) -> None:
    assert TaskState.from_wire(state.wire) is state


@pytest.mark.parametrize("name", ["TASK_STATE_UNSPECIFIED", "WORKING", "working", "", "TASK_STATE_TASK_STATE_WORKING"])
def test_a_name_that_is_no_state_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a task state"):
        TaskState.from_wire(name)


def test_terminal_and_interrupted_states_are_those_that_a2a_names() -> None:
    assert {state.value for state in TERMINAL} == {"completed", "failed", "canceled", "rejected"}
    assert {state.value for state in INTERRUPTED} == {"input-required", "auth-required"}


def test_every_state_has_a_row_in_the_table() -> None:
    assert set(MOVES) == set(TaskState)


def test_a_task_that_asks_back_gets_done() -> None:
    state = INITIAL
    for event in (TaskEvent.START, TaskEvent.ASK_INPUT, TaskEvent.RESUME, TaskEvent.ASK_AUTH, TaskEvent.RESUME):
        state = advance(state, event)
    assert advance(state, TaskEvent.COMPLETE) is TaskState.COMPLETED


@pytest.mark.parametrize(("state", "event"), list(product(TaskState, TaskEvent)))
def test_a_move_is_in_the_table_or_refused_with_the_legal_ones(state: TaskState, event: TaskEvent) -> None:
    if event in MOVES[state]:
        assert advance(state, event) is MOVES[state][event]
        return
    with pytest.raises(UsageError, match=f"cannot {event} a task that is {state}") as refused:
        advance(state, event)
    for legal, after in MOVES[state].items():
        assert f"{legal} (to {after})" in str(refused.value)


@given(st.lists(st.sampled_from(TaskEvent), max_size=30))
def test_whatever_happens_a_terminal_state_stays(events: list[TaskEvent]) -> None:
    state, ended = INITIAL, None
    for event in events:
        try:
            state = advance(state, event)
        except UsageError:
            continue
        assert ended is None
        ended = state if state in TERMINAL else None


@pytest.mark.parametrize("state", [state for state in TaskState if state not in TERMINAL])
def test_a_task_that_is_not_finished_can_always_be_canceled_failed_and_rejected(state: TaskState) -> None:
    for event, after in [("cancel", "canceled"), ("fail", "failed"), ("reject", "rejected")]:
        assert advance(state, TaskEvent(event)) == after


def test_every_state_can_be_reached() -> None:
    reached, frontier = {INITIAL}, [INITIAL]
    while frontier:
        new = set(MOVES[frontier.pop()].values()) - reached
        reached |= new
        frontier += new
    assert reached == set(TaskState)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        MOVES[TaskState.COMPLETED] = {}  # type: ignore[index]


def test_the_diagram_has_an_arrow_for_each_move_and_no_other() -> None:
    arrows = {line.strip() for line in diagram().splitlines() if "-->" in line and "[*]" not in line}
    moves = [(state, event, after) for state, row in MOVES.items() for event, after in row.items()]
    assert arrows == {f"{state.name} --> {after.name}: {event}" for state, event, after in moves}


def test_the_page_in_the_docs_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m stigmergy.protocols.lifecycle > docs/lifecycle.md"
    )
