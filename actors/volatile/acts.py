"""Acts: what agents do to the blackboard in a round. It is done when the round ends, in the order of agents.

So it does not matter which turn happened to come first. Who waits for the result hears it at the beginning of the next
round; what a turn merely writes is waited for by nobody, and is buried with its letter's name if it is refused.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from stigmergy.protocols.errors import StigmergyError, unpack

from .letter import Letter
from .turn import Ground, Turn


class Act(NamedTuple):
    """One change of the blackboard. The numbers of one agent's acts ascend."""

    agent: str
    number: int
    operation: str
    arguments: dict[str, Any]
    op: str
    """The same for every attempt of a turn: it is done once."""
    conversation: str
    awaited: bool
    """Whether somebody waits for the result."""

    def request(self) -> list[Any]:
        """As the board takes it."""
        return [self.operation, self.arguments, self.agent, self.op, self.conversation]


Result = tuple[str, int, bool, Any]
"""What became of an act: its agent and number, whether it was done, and its result or the packed error."""


class Acts:
    """Those of the agents of one host."""

    def __init__(self, host: Ground) -> None:
        self._host = host
        self._count = 0
        self._new: list[Act] = []
        self._waiting: dict[tuple[str, int], asyncio.Future[Any]] = {}
        self._writes: dict[tuple[str, int], Letter] = {}
        """Letters whose turns wrote something, until it is done."""

    def __len__(self) -> int:
        return len(self._new)

    def act(self, turn: Turn, operation: str, arguments: dict[str, Any], op: str) -> asyncio.Future[Any]:
        """Do something when the round ends, and hear of it in the next. Raises in the future: what the board raises."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._note(turn, operation, arguments, op, awaited=True)] = future
        return future

    def write(self, turn: Turn, operation: str, arguments: dict[str, Any]) -> None:
        """Do what a turn has written when the round ends."""
        self._writes[self._note(turn, operation, arguments, "", awaited=False)] = turn.letter

    def take(self) -> list[Act]:
        """What was done since it was last asked for, in order."""
        new, self._new = self._new, []
        new.sort(key=_by_agent)
        return new

    def done(self, results: list[Result]) -> list[tuple[str, int, asyncio.Future[Any], Any]]:
        """Results have come: those that are waited for, with who waits, in order."""
        found = []
        for agent, number, fine, value in sorted(results, key=_by_agent):
            result = value if fine else unpack(*value)
            future = self._waiting.pop((agent, number), None)
            letter = self._writes.pop((agent, number), None)
            if future is not None:
                found.append((agent, number, future, result))
            elif letter is not None and isinstance(result, StigmergyError):
                self._host.bury(letter._replace(asked=None), agent, "write refused", result)
        return found

    def _note(
        self, turn: Turn, operation: str, arguments: dict[str, Any], op: str, *, awaited: bool
    ) -> tuple[str, int]:
        self._count += 1
        agent, number = turn.slot.name, self._count
        op = op or f"{agent}#{number}:0"
        self._new.append(Act(agent, number, operation, arguments, op, turn.letter.talk.id, awaited))
        return agent, number


def _by_agent(one: Any) -> tuple[str, int]:
    return one[0], one[1]
