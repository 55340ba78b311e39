"""The router says which desk a ticket belongs to, and how sure it is."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from stigmergy.runtime import Agent, Context, handles

from ..brains.router import Classifier
from ..messages import Classified, Classify
from ..schemas import Classification
from .skills import CLASSIFY

CERTAIN: Final = 0.7
"""The confidence that a model must state before no person is asked; the rule-based router learns its own."""


class Router(Agent):
    """Finds the category of a text: learned from past tickets, or asked of a small model."""

    skills = [CLASSIFY]

    @handles
    async def classify(self, question: Classify, ctx: Context) -> Classified:
        """One text, one category."""
        if self.settings["brain"] == "rules":
            classifier = learned(self.settings["classifier"])
            found = classifier.classify(question.text)
            return Classified(found=found, certain=classifier.is_certain(found))
        # Prompts are only needed where there is a model.
        from ..prompts import routing  # noqa: PLC0415

        categories = tuple(self.settings["categories"])
        asked = routing(question.text, categories)
        reply = await ctx.model(
            "router",
            asked.prompt,
            system=asked.system,
            output=Classification,
            max_tokens=300,
            cache="5m",
            timeout_s=self.settings["model_timeout_s"],
        )
        found = reply.output_as(Classification)
        return Classified(found=found, certain=found.category in categories and found.confidence >= CERTAIN)


@lru_cache(maxsize=4)
def learned(path: str) -> Classifier:
    """The classifier in a file, read once per process however many routers share it."""
    return Classifier.load(Path(path))
