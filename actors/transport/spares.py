"""Spares: processes on Ray that are up before they are needed.

Work must not wait for the start of a process each time that one has died: that takes 1 to 4 s, as busy as the machine
is, and a spare is there within 0.3 s (measured). One that has died itself is no help to anybody, and is not given away.
"""

from __future__ import annotations

import asyncio
from typing import Final

from .handles import RayProcess, Sockets, Spare, actor_on

SETTLED_S: Final = 10.0
"""A swarm gets its first spare so long after its first process: before, everything else starts, or it is over again."""

AFTER_S: Final = 1.0
"""And each further one so long after a process was made: whoever waits for that one comes first."""


class Spares:
    """Makes processes, and has one ready on each node that has some.

    Each costs 60 MB, and a second of one CPU whenever it was taken.
    """

    def __init__(self, modules: tuple[str, ...], sockets: Sockets = "near") -> None:
        """``modules``: what they import meanwhile."""
        self._modules = list(modules)
        self._sockets: Sockets = sockets
        self._ready: dict[str, Spare] = {}
        """By node."""
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._not_before = 0.0

    def process(self, name: str, node: str) -> RayProcess:
        """A process on this node: the spare, if it is there; then another one is made for the next."""
        spare = self._ready.pop(node, None)
        loop = asyncio.get_running_loop()
        if not self._not_before:
            self._not_before = loop.time() + SETTLED_S
        if node not in self._due:
            self._due[node] = loop.call_at(max(self._not_before, loop.time() + AFTER_S), self._make, node)
        actor = spare.actor if spare is not None and spare.lives else actor_on(node)
        return RayProcess(name, actor, sockets=self._sockets)

    def close(self) -> None:
        """Have none any more."""
        while self._due:
            self._due.popitem()[1].cancel()
        while self._ready:
            RayProcess("spare", self._ready.popitem()[1].actor).kill()

    def _make(self, node: str) -> None:
        del self._due[node]
        self._ready[node] = Spare(actor_on(node), self._modules)
