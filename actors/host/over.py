"""What takes the place of a turn's parts when it is over: whoever still uses them hears `TurnOver`.

The rule of this file: it is put there once, at the end of a turn, so that nothing need be checked before.
"""

from __future__ import annotations

from typing import Any, NoReturn

from stigmergy.protocols.errors import TurnOver


class Over(list[Any]):
    """What a turn that is over wants sent or written: nothing more. In place of its host it has nothing to offer."""

    def __init__(self, agent: str) -> None:
        super().__init__()
        self._agent = agent

    def append(self, _: Any, /) -> NoReturn:
        """Nothing can be added. Raises: TurnOver."""
        raise turn_over(self._agent)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise turn_over(self._agent)


def turn_over(agent: str) -> TurnOver:
    """The error for who uses a context after its turn."""
    return TurnOver(
        f"the turn of {agent} is over, and its ctx was used: await the work in the handler, or tell yourself a message"
    )
