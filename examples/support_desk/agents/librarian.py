"""The librarian finds what the articles say; where they say nothing, it finds nothing."""

from __future__ import annotations

from pathlib import Path

from stigmergy.runtime import Agent, handles

from ..articles import load_articles
from ..brains.knowledge import Library
from ..messages import Found, Search
from .skills import SEARCH


class Librarian(Agent):
    """Searches the help articles."""

    skills = [SEARCH]
    pool = 4

    async def on_start(self) -> None:
        """Read the shelf; some twenty articles take a few milliseconds."""
        self._library = Library(load_articles(Path(self.settings["articles"])))

    async def on_stop(self) -> None:
        """Close the shelf's table."""
        self._library.close()

    @handles
    def search(self, question: Search) -> Found:
        """The passages that are relevant to a ticket, the best first."""
        return Found(passages=self._library.search(question.text, question.category))
