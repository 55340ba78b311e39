"""Alice and Bob. Each answers thanks with thanks, never twice in the same words, and so for ever."""

from __future__ import annotations

from random import Random
from typing import Final

from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, handles

OPENINGS: Final = (
    "Thank you so much",
    "Many thanks",
    "You are too kind",
    "I really appreciate it",
    "How thoughtful of you",
    "No, thank you",
)
REASONS: Final = (
    "for your kind words",
    "for your patience",
    "for getting back to me so quickly",
    "for your help with this",
    "for being so helpful",
    "for thanking me",
)


class Thanks(Message):
    """A courtesy. Every one has another number, so no two are alike."""

    number: int
    text: str


class Polite(Agent):
    """Thanks whoever thanks it."""

    emits = [Thanks]

    @handles
    def thank(self, thanks: Thanks, ctx: Context) -> None:
        ctx.tell(self.settings["friend"], Thanks(number=thanks.number + 1, text=courtesy(ctx.random)))


def courtesy(random: Random) -> str:
    """One of 36 ways to say thanks."""
    return f"{random.choice(OPENINGS)} {random.choice(REASONS)}!"
