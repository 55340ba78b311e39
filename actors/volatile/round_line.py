"""The line of a host that goes by rounds: it reads from the blackboard at once, and changes it when a round ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from .acts import Acts
from .asked import Asked
from .line import Line, TurnLine
from .turn import Turn

TOLD: Final = frozenset({"bury", "told", "verdict"})
"""What people hear of, who shall not hear it again when rounds are played once more."""


class RoundLine(Line):
    """A host's link to the board."""

    acts: Acts
    """Set when there is a host."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.playing: Callable[[], int | None] = lambda: None
        """The round that is being played, and may be played once more; None for what happens once only."""

    def tell(self, name: str, payload: Any) -> None:
        """See `Line.tell`."""
        number = self.playing() if name in TOLD else None
        if number is None:
            super().tell(name, payload)
        else:
            super().tell("of a round", [number, name, payload])

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
