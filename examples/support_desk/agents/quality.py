"""The quality agent checks policy, grounding and tone; what it sends back says what to change."""

from __future__ import annotations

from stigmergy.runtime import Agent, Context, handles

from ..brains.reviewer import review
from ..messages import Check, Checked
from ..schemas import Review
from .skills import CHECK


class Quality(Agent):
    """Approves a draft, or sends it back with feedback.

    Rules look at every draft, since they miss no number and no promise; a model adds its judgement to those
    that the rules let pass.
    """

    skills = [CHECK]
    turn_timeout_s = 600.0

    @handles
    async def check(self, question: Check, ctx: Context) -> Checked:
        """One draft against the passages it claims to rest on."""
        verdict = review(question.draft, question.request.customer, question.passages)
        if verdict.approved and self.settings["brain"] == "claude":
            # Prompts are only needed where there is a model.
            from ..prompts import checking  # noqa: PLC0415

            asked = checking(question.request, question.draft, question.passages)
            reply = await ctx.model(
                "critic",
                asked.prompt,
                system=asked.system,
                output=Review,
                max_tokens=600,
                cache="5m",
                timeout_s=self.settings["model_timeout_s"],
            )
            verdict = reply.output_as(Review)
        return Checked(review=verdict)
