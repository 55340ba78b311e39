"""Runs the desk over a file of tickets: everything that is not an agent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from stigmergy.protocols import StigmergyError, SwarmStopped, skill
from stigmergy.protocols.errors import MailboxFull
from stigmergy.runtime import Swarm
from stigmergy.runtime.app import Progress

from .agents.skills import RESOLVE
from .messages import Request, Resolution
from .policy import Escalation, Reason
from .tickets import Ticket

WAIT_S = 1_800.0
"""How long one ticket may take."""


@dataclass(slots=True)
class Results:
    """What became of the tickets, by id."""

    resolutions: dict[str, Resolution] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    """Those that were given to the desk, whether they came to their end or not."""


async def work_off(swarm: Swarm, tickets: Sequence[Ticket], at_once: int, progress: Progress) -> Results:
    """Give every ticket to the desk, ``at_once`` at a time, until all are resolved or the swarm stops."""
    results = Results()
    waiting = iter(tickets)

    async def clerk() -> None:
        for ticket in waiting:
            if swarm.stopped is not None:
                return
            results.begun.add(ticket.id)
            began = time.perf_counter()
            try:
                resolution = await _resolve(swarm, ticket)
            except SwarmStopped:
                return
            results.resolutions[ticket.id] = resolution
            results.seconds[ticket.id] = time.perf_counter() - began
            progress(len(results.resolutions), len(tickets), "tickets resolved")

    progress(0, len(tickets), "tickets resolved")
    await asyncio.gather(*(clerk() for _ in range(min(at_once, len(tickets)))))
    return results


async def _resolve(swarm: Swarm, ticket: Ticket) -> Resolution:
    request = Request(id=ticket.id, text=ticket.text, customer=ticket.customer, tier=ticket.tier)
    while True:
        try:
            return await swarm.ask(skill(RESOLVE.id), request, reply=Resolution, timeout_s=WAIT_S)
        except SwarmStopped:
            raise
        except MailboxFull:
            await asyncio.sleep(0.05)
        except StigmergyError as error:
            # The lead itself failed, so nobody has told the person's desk; the report still does.
            report = Escalation(
                ticket=ticket.id,
                reason=Reason.failure,
                summary=f"{ticket.id}: the desk failed",
                evidence=(str(error).splitlines()[0][:500],),
            )
            return Resolution(ticket=ticket.id, escalation=report)
