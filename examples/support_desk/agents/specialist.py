"""Specialists: each desk has one, who keeps count of what it was handed; together they write the replies."""

from __future__ import annotations

import re

from stigmergy.runtime import Agent, Context, State, handles

from ..brains import writer
from ..messages import HandOff, Write, Written
from ..schemas import Draft
from .skills import WRITE


class Desk(State):
    """What a specialist remembers."""

    tickets: int = 0
    last: str = ""


class Specialist(Agent):
    """Writes replies for one category of tickets, from the passages it is given."""

    skills = [WRITE]
    state: Desk
    pool = 16
    turn_timeout_s = 600.0

    @handles
    def take(self, order: HandOff) -> None:
        """A ticket that nobody answers here: it is on this desk now."""
        self.state.last = order.request.id
        self.state.tickets += 1

    @handles
    async def write(self, order: Write, ctx: Context) -> Written:
        """A draft, or a better one. Rules take sentences from the passages; a model is told to add nothing."""
        customer = order.request.customer
        if self.settings["brain"] == "rules":
            if order.last is None:
                return Written(draft=writer.write(order.request.text, customer, order.passages))
            return Written(draft=writer.revise(order.last, order.feedback, customer, order.passages))
        # Prompts are only needed where there is a model.
        from ..prompts import writing  # noqa: PLC0415

        asked = writing(order.request, order.category, order.passages, order.last, order.feedback)
        reply = await ctx.model(
            "writer",
            asked.prompt,
            system=asked.system,
            output=Draft,
            max_tokens=800,
            cache="5m",
            timeout_s=self.settings["model_timeout_s"],
        )
        return Written(draft=reply.output_as(Draft))


def desk_of(category: str) -> str:
    """The address of a category's specialist."""
    return "specialist/" + (re.sub(r"[^A-Za-z0-9_.\-]+", "_", category)[:64] or "_")
