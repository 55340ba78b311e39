"""Grounding: whether what a reply claims stands in the passages that it rests on.

The rule of this file: a claim is supported by sentences that stand next to each other, not by words collected from
all over an article. It measures overlap of words, and what overlap cannot see: numbers, and a "not" too few or many.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..schemas import Feedback, Passage, Problem
from .language import is_negated, numbers, sentences, stems

MIN_OVERLAP: Final = 0.6
"""Share of a claim's stems, 0 to 1, that must stand in the supporting sentences."""

_WINDOW: Final = 3
"""Sentences in a row that may support one claim together."""

_CLAUSE: Final = re.compile(r"(?<=;)\s+")


@dataclass(frozen=True, slots=True)
class _Support:
    text: str
    stems: frozenset[str]
    negated: frozenset[bool]


class Sources:
    """The passages of one ticket, ready to be compared with claims."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._numbers = numbers("\n".join(f"{p.title}\n{p.heading}\n{p.text}" for p in passages))
        self._supports = [support for passage in passages for support in _windows(passage)]

    def check(self, claim: str) -> Feedback | None:
        """What is wrong with one sentence, if anything."""
        if invented := sorted(numbers(claim) - self._numbers):
            return Feedback(
                problem=Problem.number,
                where=claim,
                what_to_do=f"Take out {', '.join(invented)}: no article states it.",
            )
        wanted = stems(claim)
        if not wanted:
            return None
        best = max(self._supports, key=lambda support: len(wanted & support.stems), default=None)
        overlap = len(wanted & best.stems) / len(wanted) if best else 0.0
        if best is None or overlap < MIN_OVERLAP:
            foreign = ", ".join(sorted(wanted - (best.stems if best else frozenset()))[:5])
            return Feedback(
                problem=Problem.grounding,
                where=claim,
                what_to_do=f"Say only what the articles say, or leave it out; they say nothing of: {foreign}.",
            )
        rivals = [s for s in self._supports if len(wanted & s.stems) / len(wanted) >= overlap]
        if not any(is_negated(claim) in support.negated for support in rivals):
            return Feedback(
                problem=Problem.grounding,
                where=claim,
                what_to_do=f"It says the opposite of the article: {best.text!r}.",
            )
        return None


def _windows(passage: Passage) -> list[_Support]:
    units = [clause for sentence in sentences(passage.text) for clause in _CLAUSE.split(sentence)]
    units = [unit for unit in (passage.title, passage.heading, *units) if unit]
    found = []
    for size in range(1, _WINDOW + 1):
        for start in range(len(units) - size + 1):
            rows = units[start : start + size]
            text = " ".join(rows)
            found.append(_Support(text, stems(text), frozenset(map(is_negated, rows))))
    return found
