"""What the thinking parts hand to each other, whether a rule or a model did the thinking.

The rule of this file: a model's answer is validated against the same record that a rule would have returned,
so no agent needs to know which of the two it asked.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Frozen, and closed: a field that nobody declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Classification(Record):
    """Which desk a ticket belongs to."""

    category: str = Field(min_length=1, description="One of the known categories, spelled exactly as given.")
    confidence: float = Field(ge=0, le=1, description="Probability that this category is right, from 0 to 1.")
    runner_up: str | None = Field(default=None, description="The next most likely category, or null.")


class Passage(Record):
    """A section of an article, as it was found for one ticket."""

    article: str = Field(description="Id of the article.")
    title: str = Field(description="Title of the article.")
    heading: str = Field(default="", description="Heading of the section; empty for the opening.")
    text: str
    score: float = Field(description="How well it fits; only comparable within one search.")


class Draft(Record):
    """A reply that nobody has sent yet."""

    reply: str = Field(min_length=1, description="The whole reply to the customer, under 200 words.")
    sources: tuple[str, ...] = Field(description="Ids of the articles that the reply rests on.")


class Problem(StrEnum):
    """What can be wrong with a draft."""

    promise = "promise"
    legal = "legal"
    personal_data = "personal_data"
    length = "length"
    grounding = "grounding"
    number = "number"
    citation = "citation"
    tone = "tone"
    form = "form"


class Feedback(Record):
    """One thing to change, said so that the writer can act on it without guessing."""

    problem: Problem = Field(description="The kind of fault.")
    where: str = Field(min_length=1, description="The words of the draft that are at fault, quoted.")
    what_to_do: str = Field(min_length=1, description="The change that would make it right.")


class Review(Record):
    """The verdict on a draft: approved without feedback, or sent back with at least one piece of it."""

    approved: bool = Field(description="True only if the draft may go to the customer as it is.")
    feedback: tuple[Feedback, ...] = Field(description="Empty if approved; otherwise one entry for each fault.")
