"""What the desk may not do by itself: why a ticket goes to a person, and what that person is handed.

The rule of this file: an escalation carries everything that was found out, so that nothing is found out twice.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from .alarms import angry, legal, urgent
from .schemas import Feedback, Record

MAX_REVISIONS = 2
"""How often a draft may come back from review; then a person writes the reply."""


class Reason(StrEnum):
    """Why a ticket went to a person. The order is the order of the report."""

    low_confidence = "low_confidence"
    urgent = "urgent"
    legal = "legal"
    angry = "angry"
    no_article = "no_article"
    quality = "quality"
    failure = "failure"


class Alarm(Record):
    """A circuit breaker tripped: the reason, and the words that did it."""

    reason: Reason
    evidence: tuple[str, ...] = Field(min_length=1)


class Escalation(Record):
    """What a person is handed."""

    ticket: str = Field(description="Id of the ticket.")
    reason: Reason
    summary: str = Field(default="", description="One line for the person: see `headline`.")
    evidence: tuple[str, ...] = Field(default=(), description="Words of the ticket, or the error, behind the reason.")
    category: str | None = None
    confidence: float | None = None
    runner_up: str | None = None
    articles: tuple[str, ...] = Field(default=(), description="Ids of the articles that were found.")
    draft: str | None = Field(default=None, description="The last draft, if there is one. It was not sent.")
    feedback: tuple[Feedback, ...] = Field(default=(), description="What was wrong with that draft.")


_ALARMS = ((Reason.urgent, urgent), (Reason.legal, legal), (Reason.angry, angry))
"""Danger first, then the law, then anger: a ticket that is all three needs the quickest person."""


def alarm(text: str) -> Alarm | None:
    """The first circuit breaker that a ticket trips, if any."""
    for reason, detect in _ALARMS:
        if evidence := detect(text):
            return Alarm(reason=reason, evidence=evidence)
    return None


def headline(escalation: Escalation) -> str:
    """One line that tells a person why this one is theirs."""
    why = {
        Reason.low_confidence: _unsure(escalation),
        Reason.urgent: "may be dangerous, a break-in, or a shop that is down",
        Reason.legal: "mentions lawyers, courts, authorities or a dispute with the bank",
        Reason.angry: "is written in anger",
        Reason.no_article: "no article answers it",
        Reason.quality: f"the draft was still at fault after {MAX_REVISIONS} revisions",
        Reason.failure: "an agent failed",
    }[escalation.reason]
    words = ", ".join(repr(words) for words in escalation.evidence)
    return f"{escalation.ticket}: {why}" + (f" ({words})" if words else "")


def _unsure(escalation: Escalation) -> str:
    if escalation.category is None or escalation.confidence is None:
        return "nobody knows what it is about"
    other = f", perhaps {escalation.runner_up}" if escalation.runner_up else ""
    return f"probably {escalation.category}{other}, but only {escalation.confidence:.0%} sure"
