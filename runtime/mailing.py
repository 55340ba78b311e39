"""Mail from outside: how a driver's messages begin conversations, and how virtual time goes on."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

from stigmergy.protocols.errors import StigmergyError, UsageError
from stigmergy.protocols.ids import AgentId, check_address, check_name
from stigmergy.protocols.message import Message

from .outside import Outside
from .way import Way

DECIDED_S: Final = 30.0
"""How long a swarm that closes waits for turns that go on from a person's decision."""


class Mailing(Outside):
    """What a swarm offers to who sends from outside."""

    _way: Way | None = None
    """How messages reach agents, once there are hosts."""

    async def _open_way(self) -> Way:
        await self._ready()
        if self._way is None:
            raise UsageError("the swarm is closed")
        return self._way

    async def _see_decided_through(self) -> None:
        """Wait until those turns have ended about which a person has decided; 30 s at most."""
        until = time.monotonic() + DECIDED_S
        with suppress(StigmergyError):
            while self._way is not None and time.monotonic() < until:
                counts = await self.request("counts")
                if not counts["decided"] or counts["stopped"]:
                    return
                await asyncio.sleep(0.05)

    async def counts(self) -> dict[str, Any]:
        """Plain figures of this moment: ``waiting`` messages, ``dead_letters`` by reason, and others."""
        figures = await (await self._open_way()).settle()
        return {**await self.request("counts"), **figures}

    async def post(self, topic: str, message: Message) -> str:
        """Put a message on a topic; returns the conversation's id. Raises: SwarmStopped."""
        way = self._way or await self._open_way()
        return await way.send("post", check_name(topic, "topic"), message)

    async def tell(self, to: str | AgentId, message: Message) -> str:
        """Begin a conversation without waiting for it; returns its id once the message is accepted.

        Raises: SwarmStopped, MailboxFull, NoSuchAgent, UnknownMessage.
        """
        way = self._way or await self._open_way()
        return await way.send("tell", check_address(str(to)), message)

    async def run(self, rounds: int | None = None) -> int:
        """In lockstep: go on for so many rounds, or until nothing is left to happen. Returns how many it were.

        Raises: UsageError when time is real.
        """
        if rounds is not None and rounds < 0:
            raise UsageError(f"rounds is {rounds}; give a number from 0")
        return await (await self._open_way()).run(rounds)

    async def grow(self, hosts: int = 1) -> list[str]:
        """Start one more host, or so many, and let agents spread to them; returns their names.

        Without a journal, on several hosts. An agent goes between two turns; its mail waits for it and keeps its order.

        Raises: UsageError.
        """
        if hosts < 1:
            raise UsageError(f"hosts is {hosts}; give a number from 1")
        return await (await self._open_way()).grow(hosts)

    async def move(self, agent: str | AgentId, host: str) -> None:
        """Put an agent on a host, by its name (``host-2``), where it stays while that host lives.

        Without a journal, on several hosts. It goes between two turns, with its state and its mail.

        Raises: UsageError, InvalidName.
        """
        await (await self._open_way()).move(str(AgentId.parse(str(agent))), host)
