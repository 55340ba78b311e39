"""Farewells: agents end what they hold open, each in its own time, and none keeps another from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from stigmergy.actors.ending import farewell
from stigmergy.actors.failing import honest

from .agent import Agent

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


async def stopped(agent: Agent, log: FilteringBoundLogger) -> bool:
    """Let an agent say goodbye. Returns whether it did so in time; what it raises is logged."""
    error = await farewell(agent.on_stop)
    if error is not None:
        log.error("on_stop_failed", agent=str(agent.me), exc_info=honest(error))
    return type(error) is not TimeoutError


async def stop_all(agents: Iterable[Agent], log: FilteringBoundLogger) -> list[str]:
    """Let agents say goodbye, all at once. Returns those who took too long."""
    leaving = list(agents)
    in_time = await asyncio.gather(*(stopped(agent, log) for agent in leaving))
    return [str(agent.me) for agent, fine in zip(leaving, in_time, strict=True) if not fine]
