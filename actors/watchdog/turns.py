"""Turns that run, and those that run past their deadline.

The rule of this file: a turn is warned of once, at its deadline, and quarantined once, when it has
taken `LoopLimits.overdue` times what it was given.
"""

from __future__ import annotations

from collections.abc import Iterator

from .sightings import Action, Finding, Reason


class _Turn:
    __slots__ = ("agent", "began", "conversation", "deadline", "late")

    def __init__(self, agent: str, conversation: str, began: float, deadline: float) -> None:
        self.agent = agent
        self.conversation = conversation
        self.began = began
        self.deadline = deadline
        self.late = False


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

    def end(self, turn: str) -> None:
        """A turn ends, however. Unknown ones are ignored."""
        self._running.pop(turn, None)

    def late(self, now: float) -> Iterator[tuple[str, Finding]]:
        """Findings that are due, with their conversations."""
        for name, turn in list(self._running.items()):
            if now <= turn.deadline:
                continue
            given, taken = turn.deadline - turn.began, now - turn.began
            hopeless = taken >= self._overdue * given
            if turn.late and not hopeless:
                continue
            turn.late = True
            if hopeless:
                del self._running[name]
            action = Action.QUARANTINE if hopeless else Action.WARN
            text = f"{turn.agent} has run turn {name} for {taken:.1f} s, and was given {given:.1f} s"
            yield turn.conversation, Finding(action, Reason.OVERDUE, (turn.agent,), text, int(taken))
