"""The lookout: finds agents on different hosts that wait for each other.

Most asks are answered before anybody could report them. What has been open for two beats (half a second) is told to
one host, the first of the view, which keeps the graph of waits and finds rings in it. Reports may be late, so whoever
is in a ring is asked whether the same ask is still open: if all are, all were open at one time. To end one of them
with an error breaks the ring.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import Quarantined

from ..volatile.asked import Asked
from ..volatile.places import Place
from ..volatile.turn import Ground
from ..watchdog.sightings import Finding
from ..watchdog.waits import Waits
from .talks import Talks

Ask = Callable[[str, str, Any], Awaitable[Any]]
"""``await ask(host, word, payload)``: an answer of a host, which may be this one."""


PATIENCE: Final = 2
"""Beats that an ask may be open before it is reported."""


class Wait(NamedTuple):
    """One ask that takes time."""

    number: int
    """Among those of its host."""
    asker: str
    asked: str
    talk: list[Any]
    """The parts of its conversation."""


class Lookout:
    """What one host knows of asks that take time: its own, and where the graph is kept everybody's."""

    def __init__(self, host: Ground, talks: Talks, ask: Ask) -> None:
        self._host = host
        self._talks = talks
        self._ask = ask
        self._numbered = 0
        self._told: dict[Asked, Wait] = {}
        """Reported as open."""
        self._graph = Waits()
        self._reports: dict[str, dict[int, Wait]] = {}
        """What each host has reported as open."""

    # -- what is open here -------------------------------------------------------------------

    def sweep(self) -> tuple[list[Wait], list[int]]:
        """What began to take time since the last beat, and the numbers of what has ended; for the graph."""
        told: dict[Asked, Wait] = {}
        begun: list[Wait] = []
        for turn in self._host.turns:
            for asked, place in turn.waits.items():
                asked.beats += 1
                if asked.beats < PATIENCE or asked.done():
                    continue
                wait = self._told.get(asked)
                if wait is None and self._can_block(place):
                    self._numbered += 1
                    wait = Wait(self._numbered, turn.slot.name, place.name, list(turn.letter.talk.parts))
                    begun.append(wait)
                if wait is not None:
                    told[asked] = wait
        ended = [wait.number for asked, wait in self._told.items() if asked not in told]
        self._told = told
        return begun, ended

    def _can_block(self, place: Place) -> bool:
        """Whether an agent takes no other message while it waits itself."""
        part = self._host.parts.get(place.name.partition("/")[0])
        return part is not None and not part.reentrant

    def still(self, numbers: list[int]) -> bool:
        """Whether these asks are all open."""
        return set(numbers) <= {wait.number for asked, wait in self._told.items() if not asked.done()}

    def fail(self, number: int, why: str) -> None:
        """Somebody is in a ring: the ask that is to end hears of it."""
        for asked, wait in self._told.items():
            if wait.number == number and not asked.done():
                asked.fail(Quarantined(why))

    def restart(self) -> None:
        """Another host keeps the graph from now on, and is to be told everything."""
        self._told = {}
        for host in list(self._reports):
            self.forget(host)

    # -- where the graph is kept -------------------------------------------------------------

    def forget(self, host: str) -> None:
        """A host is gone, and nobody waits there any more."""
        for wait in self._reports.pop(host, {}).values():
            self._graph.end(wait.asker, wait.asked)

    def hear(self, host: str, begun: list[Any], ended: list[int]) -> None:
        """Take in a report."""
        known = self._reports.setdefault(host, {})
        for number in ended:
            gone = known.pop(number, None)
            if gone is not None:
                self._graph.end(gone.asker, gone.asked)
        for fields in begun:
            wait = known[fields[0]] = Wait(*fields)
            ring = self._graph.begin(wait.asker, wait.asked, self._host.now(), reentrant=False)
            if ring is not None:
                self._host.spawn(self._confirm(host, wait, ring))

    async def _confirm(self, host: str, last: Wait, ring: Finding) -> None:
        """Ask everybody in a ring; if it is one, end the ask that closed it."""
        steps = set(zip(ring.agents, (*ring.agents[1:], ring.agents[0]), strict=True))
        found = {
            name: {wait.number: wait for wait in waits.values() if (wait.asker, wait.asked) in steps}
            for name, waits in self._reports.items()
        }
        answers = await asyncio.gather(*(self._ask(name, "still", list(waits)) for name, waits in found.items()))
        covered = {(wait.asker, wait.asked) for waits in found.values() for wait in waits.values()}
        if covered != steps or not all(answer is True for answer in answers):
            return
        talk = self._talks.of(last.talk)
        verdict = self._host.guard.deadlock(ring, talk, self._host.now())
        self._host.office.carry_out(verdict, talk)
        why = f"conversation was quarantined ({verdict.reason}): {verdict.exchange}"
        await self._ask(host, "fail", [last.number, why])
