"""The blackboard as a driver reaches it: everything there happens at once."""

from __future__ import annotations

import asyncio
import math
import secrets
import time
from abc import ABC, abstractmethod
from typing import Any, Final, Literal

from stigmergy.actors.board.cases import Case, Verdict
from stigmergy.protocols.codec import check

from .client import Client
from .views import Claims, Facts, Post, Trail, read_topic

LOOK_S: Final = 0.05
"""How long to wait before the board is asked again whether something has come to its end."""

Figure = Literal["reserved", "left", "decided"]
"""What comes to its end by itself: calls that are being paid for, what was open when a run was resumed, and turns
about which a person has decided."""


class Outside(ABC):
    """What a swarm offers of its blackboard to the code that started it. It needs a client, and gives the rest."""

    @abstractmethod
    async def _ready(self) -> Client:
        """The client, once there are hosts."""

    async def request(self, name: str, payload: Any = None) -> Any:
        """A request to the board, for views and tools."""
        client = await self._ready()
        return await client.call(name, payload)

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float = 0.0) -> Any:  # noqa: ARG002
        """Read from the blackboard; a driver holds no copies, so it always gets what is true now."""
        return await self.request("look", [operation, arguments])

    async def act(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Change the blackboard; what a driver does twice, it means twice."""
        client = await self._ready()
        return await client.act(operation, arguments)

    @property
    def facts(self) -> Facts:
        """The facts on the blackboard."""
        return Facts(self)

    def trail(self, name: str) -> Trail:
        """A trail on the blackboard."""
        return Trail(self, name)

    def claims(self, queue: str) -> Claims:
        """A queue of work items on the blackboard."""
        return Claims(self, queue)

    async def read_topic(self, topic: str, after: int = 0, limit: int = 100) -> list[Post]:
        """The posts behind an offset of a topic, oldest first, at most 100."""
        return await read_topic(self, topic, after, limit)

    async def cases(self) -> list[Case]:
        """Turns that wait for a person, the oldest first. The event ``case`` tells of each when it begins."""
        return [Case.from_plain(case) for case in await self.request("cases")]

    async def decide(self, case: str, verdict: Verdict, value: Any = None, *, by: str = "the driver") -> None:
        """Decide a case by its id.

        ``do`` the call (again); it ``happened``, with ``value`` as its result; ``refuse`` it, with ``value`` as the
        reason; ``give-up`` the message, which becomes a dead letter.

        Raises: UsageError when it is not open; Malformed when ``value`` is no plain data.
        """
        check(value, f"the result of case {case!r:.60}")
        # Each call has a word of its own: repeated to a board that follows another one, it is known there.
        await self.request("decide", [case, verdict, value, by, secrets.token_hex(8)])

    async def put_back(self, *letters: str) -> dict[str, str]:
        """Have dead letters handled after all, by id; without one, all but those that a person has to judge.

        Each is put back once, however often this is called, and nobody gets an answer. Returns for each why it was not
        put back; empty text when it was. Raises: UsageError.
        """
        found: dict[str, str] = await self.request("put back", list(letters) or ["all"])
        return found

    async def drain(self, timeout_s: float = 10.0) -> bool:
        """Wait until the calls that are being paid for have settled; 10 s at most. False when some have not.

        A swarm that has stopped makes no new calls, but those in flight still cost.
        """
        return await until_none(await self._ready(), "reserved", timeout_s)

    async def finish(self) -> None:
        """Wait until nothing is left of what was open when this run was resumed, but what waits for a person."""
        await until_none(await self._ready(), "left")


async def until_none(client: Client, figure: Figure, timeout_s: float = math.inf) -> bool:
    """Wait until the board counts none of these; False when there are still some after so many seconds.

    What a stopped swarm has ``left`` or ``decided`` stays so, and is not waited for.
    """
    until = time.monotonic() + timeout_s
    while (counts := await client.call("counts"))[figure]:
        if counts["stopped"] and figure != "reserved":
            break
        if time.monotonic() > until:
            return False
        await asyncio.sleep(LOOK_S)
    return True
