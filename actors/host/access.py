"""What a desk needs to reach the board: somebody to ask, and somebody who reads."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol


class Board(Protocol):
    """The way to the board: a link, or what stands for one."""

    def ask(self, name: str, payload: Any = None) -> asyncio.Future[Any]:
        """See `Link.ask`."""
        ...


class Copies(Protocol):
    """What reads come from; see `Replica`."""

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float) -> Any:
        """See `Replica.look`."""
        ...
