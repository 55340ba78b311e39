"""Turns that run, and those that run past their deadline.

The rule of this file: a turn is warned of once, at its deadline, and quarantined once, when it has
taken `LoopLimits.overdue` times what it was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .sightings import Action, Finding, Reason

_LATE: Final = 1
_HOPELESS: Final = 2


class _Turn:
    __slots__ = ("agent", "began", "conversation", "deadline", "told")

    def __init__(self, agent: str, conversation: str, began: float, deadline: float) -> None:
        self.agent = agent
        self.conversation = conversation
        self.began = began
        self.deadline = deadline
        self.told = 0


class Turns:
    """The turns that are running."""

    __slots__ = ("_overdue", "_running")

    def __init__(self, overdue: float) -> None:
        self._overdue = overdue
        self._running: dict[str, _Turn] = {}

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, turn: str, agent: str, conversation: str, began: float, deadline: float) -> None:
        """A turn begins. One of the same id is replaced: it is another attempt."""
        self._running[turn] = _Turn(agent, conversation, began, deadline)

    def end(self, turn: str) -> str | None:
        """A turn ends, however: whose it was. Unknown ones are ignored."""
        ended = self._running.pop(turn, None)
        return ended.agent if ended else None

    def late(self, now: float) -> Iterator[tuple[str, Finding]]:
        """Findings that are due, with their conversations."""
        for name, turn in self._running.items():
            if now <= turn.deadline:
                continue
            given, taken = turn.deadline - turn.began, now - turn.began
            due = _HOPELESS if taken >= self._overdue * given else _LATE
            if turn.told >= due:
                continue
            turn.told = due
            action = Action.QUARANTINE if due == _HOPELESS else Action.WARN
            text = f"{turn.agent} has run turn {name} for {taken:.1f} s, and was given {given:.1f} s"
            yield turn.conversation, Finding(action, Reason.OVERDUE, (turn.agent,), text, int(taken))
