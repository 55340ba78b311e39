"""The line of a host that goes by rounds: it reads from the blackboard at once, and changes it when a round ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .acts import Acts
from .asked import Asked
from .line import Line, TurnLine
from .turn import Turn


class RoundLine(Line):
    """A host's link to the board."""

    acts: Acts
    """Set when there is a host."""

    async def act(self, turn: Turn, operation: str, arguments: dict[str, Any]) -> Any:
        """See `Line.act`. What the turn sends does not wait for it."""
        self.acts.write(turn, operation, arguments)


class RoundTurnLine(TurnLine):
    """The line as one turn's desk uses it."""

    def __init__(self, line: RoundLine, turn: Turn, time: Callable[[], float]) -> None:
        super().__init__(line, turn)
        self._acts = line.acts
        self._time = time

    def act(self, payload: list[Any]) -> asyncio.Future[Any]:
        """See `TurnLine.act`. Raises in the future: what the board raises."""
        turn = self._turn
        result = self._acts.act(turn, payload[0], payload[1], payload[3])
        waits = Asked()
        turn.waits[waits] = turn.slot  # the round does not wait for this turn
        result.add_done_callback(lambda _: turn.waits.pop(waits, None))
        return result

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float) -> Any:  # noqa: ARG002
        """See `TurnLine.look`: how it was when this round began."""
        return await self._line.ask("look in a round", [int(self._time()), operation, arguments])
