"""What the agents of the desk say to each other. Nothing but these types crosses between them."""

from __future__ import annotations

from stigmergy.protocols import Message

from .policy import Escalation
from .schemas import Classification, Draft, Feedback, Passage, Review


class Request(Message):
    """A ticket that wants to be resolved."""

    id: str
    text: str
    customer: str | None = None
    tier: str | None = None


class Resolution(Message):
    """What became of a ticket."""

    ticket: str
    category: str | None = None
    confidence: float | None = None
    reply: str | None = None
    sources: tuple[str, ...] = ()
    handed_to: str | None = None
    """The specialist who has it now, when nobody answers here (``--route-only``)."""
    revisions: int = 0
    """How often the quality agent sent the draft back."""
    escalation: Escalation | None = None


class Classify(Message):
    """Which desk does this text belong to?"""

    text: str


class Classified(Message):
    """This one, and whether that is certain enough to go on without a person."""

    found: Classification
    certain: bool


class Search(Message):
    """What do our articles say about this?"""

    text: str
    category: str


class Found(Message):
    """The passages that are relevant, the best first; none if there are none."""

    passages: tuple[Passage, ...]


class Write(Message):
    """Draft a reply from these passages, and from nothing else."""

    request: Request
    category: str
    passages: tuple[Passage, ...]
    last: Draft | None = None
    feedback: tuple[Feedback, ...] = ()


class Written(Message):
    """A reply that nobody has sent yet."""

    draft: Draft


class Check(Message):
    """May this draft go to the customer?"""

    request: Request
    draft: Draft
    passages: tuple[Passage, ...]


class Checked(Message):
    """The verdict."""

    review: Review


class HandOff(Message):
    """This ticket is yours."""

    request: Request
    category: str


class Escalated(Message):
    """A person must look at this."""

    report: Escalation
    text: str
