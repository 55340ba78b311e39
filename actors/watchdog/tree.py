"""A tree of causes: everything that follows from one request, or from one tick of a timer.

Ticks are roots of their own, so an agent that polls for a year makes many small trees, and a loop,
however slow, makes one that goes on. All that the watchdog compares, it compares within a tree.
"""

from __future__ import annotations

from typing import Final

from .limits import LoopLimits
from .recent import Recent
from .wording import Vocabulary

CROWD: Final = 32
"""Messages in one generation, from which on growth is looked at."""


class Tree:
    """What the messages of one tree share. Made by a root, kept alive by the links that are remembered."""

    key = ""
    """What it is called where its chains have been to, if they have been to other hosts."""
    wide = False
    """It has grown for so long that contents are compared by their words."""
    _echoes: dict[tuple[int, bool], int] | None = None
    _vocabulary: Vocabulary | None = None
    _reached: Recent[str, str] | None = None

    def __init__(self) -> None:
        self.widths: dict[int, int] = {}
        """Messages by hops: the generations."""

    def grown(self, hops: int, limits: LoopLimits) -> None:
        """Look at the growth up to a generation, each time that it has doubled."""
        if self.grows(hops, limits.growth, limits.variants_generations):
            self.wide = True

    def grows_within(self, hops: int, many: int, limits: LoopLimits) -> bool:
        """Whether `grown` would find growth while so many more messages come, of which nothing is changed."""
        width = self.widths.get(hops, 0)
        doubled, found = max(CROWD, 1 << width.bit_length()), False
        while doubled <= width + many:
            self.widths[hops] = doubled
            found = found or self.grows(hops, limits.growth, limits.variants_generations)
            doubled *= 2
        self.widths[hops] = width
        return found

    def echo(self, hops: int, *, variant: bool) -> None:
        """Count an echo of a generation: a stale message caused by a stale one, or by its words only."""
        if self._echoes is None:
            self._echoes = {}
        self._echoes[hops, variant] = self._echoes.get((hops, variant), 0) + 1

    def echoes(self, hops: int, *, variants: bool) -> int:
        """Echoes in a generation, with or without those that are so by their words only."""
        if self._echoes is None:
            return 0
        return self._echoes.get((hops, False), 0) + (self._echoes.get((hops, True), 0) if variants else 0)

    def grows(self, hops: int, ratio: float, generations: int) -> bool:
        """Whether the last ``generations`` up to ``hops`` each held ``ratio`` times the one before, or more."""
        widths = self.widths
        return all(
            0 < widths.get(hops - back - 1, 0) * ratio <= widths.get(hops - back, 0) for back in range(generations)
        )

    def new_words(self, body: bytes) -> int:
        """How many words of a message are new in this tree."""
        if self._vocabulary is None:
            self._vocabulary = Vocabulary()
        return self._vocabulary.learn(body)

    def reaches(self, recipient: str, room: int) -> bool:
        """Whether a recipient is reached for the first time since the tree was wide."""
        if self._reached is None:
            self._reached = Recent()
        return self._reached.add(recipient, recipient, room)
