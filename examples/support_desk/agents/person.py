"""The person's desk: the queue of tickets that a person must look at, each with its report."""

from __future__ import annotations

from stigmergy.runtime import Agent, Context, State, handles

from ..messages import Escalated
from .skills import PERSON

TOPIC = "for-a-person"


class Queue(State):
    """What is in the queue."""

    reports: int = 0


class PersonDesk(Agent):
    """Queues tickets for a person, with what was found out so far."""

    kind = "person-desk"
    skills = [PERSON]
    emits = [Escalated]
    state: Queue

    @handles
    def queue(self, escalated: Escalated, ctx: Context) -> None:
        """Anybody may follow the topic; the reports stay there."""
        self.state.reports += 1
        ctx.post(TOPIC, escalated)
