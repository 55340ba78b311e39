"""The stage: what all turns of a volatile host share: models, logs, the seed, the way to the board."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from stigmergy.actors.clock import Clock
from stigmergy.actors.host.desk import Desk
from stigmergy.actors.volatile.line import Line, TurnLine
from stigmergy.actors.volatile.turn import Turn
from stigmergy.protocols.turn import Delivery

from ..context import Means

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class Stage:
    """What contexts draw on."""

    def __init__(self, host: str, line: Line, log: FilteringBoundLogger, seed: int) -> None:
        self.means: dict[str, Means] = {}
        """What turns think and act with, by kind."""
        self._host = host
        self.log = log
        self.seed = seed
        self.time: Callable[[], float] = time.time
        """What a turn takes for now."""
        self.line_of: Callable[[Turn], TurnLine] = lambda turn: TurnLine(line, turn)
        """How a turn reaches the board."""

    def desk(self, turn: Turn) -> Desk:
        """How a turn reaches the board."""
        envelope = turn.letter.envelope(turn.slot.name)
        delivery = Delivery(turn.slot.name, envelope, self.time(), turn.attempt)
        line = self.line_of(turn)
        return Desk(delivery, self._host, line, line, {}, Clock(), _at_once)


async def _at_once() -> None:
    """A turn's sends are gone before the agent's next turn begins: there is nothing to wait for."""
