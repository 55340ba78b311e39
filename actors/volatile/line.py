"""The line: how a volatile host reaches the board. Facts, trails, claims, the ledger and the registry are there."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ..transport.link import Link, PeerGone
from .turn import Turn

NEWS: Final = frozenset({"facts.put", "claims.complete"})
"""Acts that may bring something new into the world; the watchdog counts that as progress."""


class Line:
    """A host's link to the board, once it has one."""

    def __init__(self, host: str) -> None:
        """``host`` is this life of the host: what it changes is told from what others change."""
        self._host = host
        self.link: Link | None = None
        self._writes = 0

    def tell(self, name: str, payload: Any) -> None:
        """Send something that wants no answer."""
        if self.link is not None:
            self.link.tell(name, payload)

    def ask(self, name: str, payload: Any = None) -> asyncio.Future[Any]:
        """Ask something. Raises in the future: what the board raises, PeerGone."""
        if self.link is not None:
            return self.link.ask(name, payload)
        nobody: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        nobody.set_exception(PeerGone("there is no board"))
        return nobody

    async def ledger(self, verb: str, *rest: Any) -> Any:
        """Ask the ledger; see `Treasury.request`."""
        return await self.ask("ledger", [verb, *rest])

    async def act(self, turn: Turn, operation: str, arguments: dict[str, Any]) -> Any:
        """Change the blackboard in the name of a turn."""
        self._writes += 1
        letter = turn.letter
        op = f"{turn.slot.name}#{self._host}#{self._writes}:0"
        return await TurnLine(self, turn).ask("act", [operation, arguments, turn.slot.name, op, letter.talk.id])


class TurnLine:
    """The line as one turn's desk uses it: nothing is recorded, and what is new there is told to the watchdog."""

    def __init__(self, line: Line, turn: Turn) -> None:
        self._line = line
        self._turn = turn
        self._host = turn.host  # of which a turn that is over knows no more

    def ask(self, name: str, payload: Any = None) -> asyncio.Future[Any]:
        """See `Link.ask`."""
        if name in {"step", "leave"}:
            kept: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            kept.set_result(None)
            return kept
        if name != "act":
            return self._line.ask(name, payload)
        result = self.act(payload)
        operation = payload[0]
        if operation in NEWS:
            result.add_done_callback(lambda done: self._note(operation, done))
        return result

    def act(self, payload: list[Any]) -> asyncio.Future[Any]:
        """Change the blackboard: ``[operation, arguments, agent, op, conversation]``."""
        return self._line.ask("act", payload)

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float) -> Any:  # noqa: ARG002
        """Read from the blackboard; a volatile host holds no copies."""
        return await self._line.ask("look", [operation, arguments])

    def _note(self, operation: str, done: asyncio.Future[Any]) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        result, host = done.result(), self._host
        if result is True or (operation == "facts.put" and result[1]):
            host.guard.progress(self._turn.letter, host.now())
