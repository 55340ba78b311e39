"""The lead directs: classify, search, draft, check, at most two revisions.

What machines should not answer goes to a person with a report, and so does every ticket that an
agent failed on.
"""

from __future__ import annotations

from typing import Any, Final

from stigmergy.protocols import BudgetExhausted, StigmergyError, SwarmStopped, skill
from stigmergy.protocols.errors import Fenced, NonDeterministic
from stigmergy.runtime import Agent, Context, handles

from ..messages import (
    Check,
    Checked,
    Classified,
    Classify,
    Escalated,
    Found,
    HandOff,
    Request,
    Resolution,
    Search,
    Write,
    Written,
)
from ..policy import MAX_REVISIONS, Escalation, Reason, alarm, headline
from ..schemas import Classification, Draft, Passage, Review
from .skills import CHECK, CLASSIFY, PERSON, RESOLVE, SEARCH, WRITE
from .specialist import desk_of

PATIENCE_S: Final = 600.0
"""How long the lead waits for one of the others."""


class Lead(Agent):
    """Takes a ticket through the desk and decides who looks at it next."""

    skills = [RESOLVE]
    emits = [Classify, Search, Write, Check, HandOff, Escalated]
    pool = 64
    turn_timeout_s = 1_800.0

    @handles
    async def resolve(self, request: Request, ctx: Context) -> Resolution:
        """The whole way of one ticket."""
        try:
            return await self._resolve(request, ctx)
        except (SwarmStopped, Fenced, NonDeterministic):
            raise  # about the swarm, not about the ticket: nobody may turn it into an answer
        except StigmergyError as error:
            if isinstance(error, BudgetExhausted) and error.account == "swarm":
                raise
            ctx.log.warning("ticket_failed", ticket=request.id, error=str(error))
            return self._escalate(request, Reason.failure, ctx, evidence=(str(error)[:500],))

    async def _resolve(self, request: Request, ctx: Context) -> Resolution:
        route_only = self.settings["route_only"]
        tripped = None if route_only else alarm(request.text)
        if tripped is not None:
            return self._escalate(request, tripped.reason, ctx, evidence=tripped.evidence)
        question = Classify(text=request.text)
        classified = await ctx.ask(skill(CLASSIFY.id), question, reply=Classified, timeout_s=PATIENCE_S)
        found = classified.found
        if not classified.certain:
            return self._escalate(request, Reason.low_confidence, ctx, found)
        if route_only:
            specialist = desk_of(found.category)
            ctx.tell(specialist, HandOff(request=request, category=found.category))
            return _resolution(request, found, handed_to=specialist)
        search = Search(text=request.text, category=found.category)
        passages = (await ctx.ask(skill(SEARCH.id), search, reply=Found, timeout_s=PATIENCE_S)).passages
        if not passages:
            return self._escalate(request, Reason.no_article, ctx, found)
        return await self._answer(request, found, passages, ctx)

    async def _answer(
        self, request: Request, found: Classification, passages: tuple[Passage, ...], ctx: Context
    ) -> Resolution:
        """Draft and check until the draft may go out, or has been sent back too often."""
        draft: Draft | None = None
        review = Review(approved=False, feedback=())
        for revisions in range(MAX_REVISIONS + 1):
            order = Write(
                request=request, category=found.category, passages=passages, last=draft, feedback=review.feedback
            )
            draft = (await ctx.ask(skill(WRITE.id), order, reply=Written, timeout_s=PATIENCE_S)).draft
            check = Check(request=request, draft=draft, passages=passages)
            review = (await ctx.ask(skill(CHECK.id), check, reply=Checked, timeout_s=PATIENCE_S)).review
            if review.approved:
                return _resolution(request, found, reply=draft.reply, sources=draft.sources, revisions=revisions)
        return self._escalate(
            request,
            Reason.quality,
            ctx,
            found,
            articles=tuple(dict.fromkeys(passage.article for passage in passages)),
            draft=draft.reply if draft else None,
            feedback=review.feedback,
        )

    def _escalate(
        self, request: Request, reason: Reason, ctx: Context, found: Classification | None = None, **known: Any
    ) -> Resolution:
        about = found.model_dump() if found else {}
        report = Escalation(ticket=request.id, reason=reason, **about, **known)
        report = report.model_copy(update={"summary": headline(report)})
        ctx.tell(skill(PERSON.id), Escalated(report=report, text=request.text))
        return _resolution(request, found, escalation=report)


def _resolution(request: Request, found: Classification | None, **more: Any) -> Resolution:
    if found is not None:
        more |= {"category": found.category, "confidence": found.confidence}
    return Resolution(ticket=request.id, **more)
