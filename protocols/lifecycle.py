"""The life of a task: A2A 1.0's states, and the moves between them as one table.

Rule 1: every move is in `MOVES`; nothing else decides what is legal. Rule 2: a terminal state has no moves; more
work on the same matter is a new task in the same context (A2A 1.0, section 3.1.1). The diagram in docs/lifecycle.md
is drawn from the table by `diagram`.

A2A names the states and leaves the moves to the agent. Ours add to its text: only a working task asks for input or
authorisation, and only a working task completes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from .errors import IllegalMove, UsageError


class TaskState(StrEnum):
    """Where a task is. ``wire`` is its name in A2A's JSON."""

    SUBMITTED = "submitted"
    WORKING = "working"
    INPUT_REQUIRED = "input-required"
    AUTH_REQUIRED = "auth-required"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"

    @property
    def wire(self) -> str:
        """For example ``TASK_STATE_INPUT_REQUIRED``."""
        return f"TASK_STATE_{self.name}"

    @classmethod
    def from_wire(cls, name: str) -> TaskState:
        """The inverse of `wire`. Raises: UsageError for a state that is none, UNSPECIFIED among them."""
        state = cls.__members__.get(name.removeprefix("TASK_STATE_"))
        if state is None or name != state.wire:
            raise UsageError(
                f"{name!r:.40} is not a task state of A2A 1.0; use one of {', '.join(s.wire for s in cls)}"
            )
        return state


class TaskEvent(StrEnum):
    """What happens to a task."""

    START = "start"
    """An agent takes it up."""
    ASK_INPUT = "ask-input"
    """The agent needs an answer from the caller."""
    ASK_AUTH = "ask-auth"
    """The agent needs credentials or an approval."""
    RESUME = "resume"
    """What was asked for has come."""
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    """The caller does not want it any more."""
    REJECT = "reject"
    """The agent will not do it."""


_ENDS: Final[Mapping[TaskEvent, TaskState]] = MappingProxyType(
    {
        TaskEvent.FAIL: TaskState.FAILED,
        TaskEvent.CANCEL: TaskState.CANCELED,
        TaskEvent.REJECT: TaskState.REJECTED,
    }
)
_NONE: Final[Mapping[TaskEvent, TaskState]] = MappingProxyType({})

MOVES: Final[Mapping[TaskState, Mapping[TaskEvent, TaskState]]] = MappingProxyType(
    {
        TaskState.SUBMITTED: MappingProxyType({TaskEvent.START: TaskState.WORKING, **_ENDS}),
        TaskState.WORKING: MappingProxyType(
            {
                TaskEvent.ASK_INPUT: TaskState.INPUT_REQUIRED,
                TaskEvent.ASK_AUTH: TaskState.AUTH_REQUIRED,
                TaskEvent.COMPLETE: TaskState.COMPLETED,
                **_ENDS,
            }
        ),
        TaskState.INPUT_REQUIRED: MappingProxyType({TaskEvent.RESUME: TaskState.WORKING, **_ENDS}),
        TaskState.AUTH_REQUIRED: MappingProxyType({TaskEvent.RESUME: TaskState.WORKING, **_ENDS}),
        TaskState.COMPLETED: _NONE,
        TaskState.FAILED: _NONE,
        TaskState.CANCELED: _NONE,
        TaskState.REJECTED: _NONE,
    }
)
"""For each state, what may happen and where it leads."""

INITIAL: Final = TaskState.SUBMITTED
TERMINAL: Final = frozenset(state for state, moves in MOVES.items() if not moves)
"""Nothing happens to these any more."""
INTERRUPTED: Final = frozenset({TaskState.INPUT_REQUIRED, TaskState.AUTH_REQUIRED})
"""The task waits for somebody; a blocking caller gets it back (A2A 1.0, section 3.2.2)."""


def advance(state: TaskState, event: TaskEvent) -> TaskState:
    """The state after ``event``. Raises: IllegalMove that names the legal ones."""
    moves = MOVES[state]
    if event in moves:
        return moves[event]
    if state in TERMINAL:
        final = f"cannot {event} a task that is {state}: that state is final; submit a new task"
        raise IllegalMove(final, str(state), str(event))
    legal = ", ".join(f"{move} (to {after})" for move, after in moves.items())
    raise IllegalMove(f"cannot {event} a task that is {state}: it can {legal}", str(state), str(event))


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    direction LR"]
    lines += [f'    state "{state}" as {state.name}' for state in MOVES]
    lines += [f"    [*] --> {INITIAL.name}"]
    lines += [
        f"    {state.name} --> {after.name}: {event}"
        for state, moves in MOVES.items()
        for event, after in moves.items()
    ]
    lines += [f"    {state.name} --> [*]" for state in MOVES if state in TERMINAL]
    lines += ["    classDef waits stroke-dasharray: 4 3"]
    lines += [f"    class {state.name} waits" for state in MOVES if state in INTERRUPTED]
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole of docs/lifecycle.md."""
    rows = [
        f"| {state} | `{state.wire}` | {_kind(state)} | {', '.join(f'{e} → {s}' for e, s in moves.items()) or 'none'} |"
        for state, moves in MOVES.items()
    ]
    return "\n".join(
        [
            "# The life of a task",
            "",
            "A request from outside the swarm is a task. Its states are those of A2A 1.0; its moves are one table,",
            "`stigmergy.protocols.lifecycle.MOVES`. This page is printed from that table:",
            "`python -m stigmergy.protocols.lifecycle > docs/lifecycle.md`. A test keeps the two equal.",
            "",
            "```mermaid",
            diagram() + "```",
            "",
            "| state | in A2A's JSON | kind | moves |",
            "|---|---|---|---|",
            *rows,
            "",
            "An interrupted task waits for somebody, and a blocking caller gets it back meanwhile. A terminal state",
            "has no moves: more work on the same matter is a new task in the same context.",
            "",
        ]
    )


def _kind(state: TaskState) -> str:
    return "terminal" if state in TERMINAL else "interrupted" if state in INTERRUPTED else "active"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - its output is the page
