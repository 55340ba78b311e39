"""Grounding: whether what a reply claims stands in the passages that it rests on.

The rule of this file: a claim is supported by sentences that stand next to each other, not by words collected from
all over an article. It measures overlap of words, and what overlap cannot see: numbers, and a "not" too few or many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ..schemas import Feedback, Passage, Problem
from .language import is_negated, numbers, sentences, stems

MIN_OVERLAP: Final = 0.6
"""Share of a claim's stems, 0 to 1, that must stand in the supporting sentences."""

_WINDOW: Final = 3
"""Sentences in a row that may support one claim together."""

_CLAUSE: Final = re.compile(r"(?<=;)\s+")


class Sources:
    """The passages of one ticket, ready to be compared with claims."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._numbers = numbers("\n".join(f"{p.title}\n{p.heading}\n{p.text}" for p in passages))
        self._sentences: list[_Sentence] = []
        self._windows: list[frozenset[str]] = []
        for passage in passages:
            units = [_sentence(unit) for unit in (passage.title, passage.heading, *_clauses(passage.text)) if unit]
            self._sentences += units
            for start in range(len(units)):
                near = units[start : start + _WINDOW]
                self._windows.append(frozenset().union(*(unit.stems for unit in near)))

    def check(self, claim: str) -> Feedback | None:
        """What is wrong with one sentence, if anything."""
        if invented := sorted(numbers(claim) - self._numbers):
            what = f"Take out {', '.join(invented)}: no article states it."
            return Feedback(problem=Problem.number, where=claim, what_to_do=what)
        wanted = stems(claim)
        if not wanted:
            return None
        best = max(self._windows, key=lambda window: len(wanted & window), default=frozenset())
        if len(wanted & best) < MIN_OVERLAP * len(wanted):
            foreign = ", ".join(sorted(wanted - best)[:5])
            what = f"Say only what the articles say, or leave it out; they say nothing of: {foreign}."
            return Feedback(problem=Problem.grounding, where=claim, what_to_do=what)
        for clause in _clauses(claim):
            if opposite := self._opposite(clause):
                what = f"It says the opposite of the article: {opposite!r}."
                return Feedback(problem=Problem.grounding, where=claim, what_to_do=what)
        return None

    def _opposite(self, claim: str) -> str | None:
        """The sentence that a claim repeats but for a "not", if there is none that it repeats as it is."""
        wanted = stems(claim)
        most = max((len(wanted & sentence.stems) for sentence in self._sentences), default=0)
        if not wanted or most < MIN_OVERLAP * len(wanted):
            return None
        nearest = [sentence for sentence in self._sentences if len(wanted & sentence.stems) == most]
        if any(sentence.negated == is_negated(claim) for sentence in nearest):
            return None
        return nearest[0].text


class _Sentence(NamedTuple):
    text: str
    stems: frozenset[str]
    negated: bool


def _sentence(text: str) -> _Sentence:
    return _Sentence(text, stems(text), is_negated(text))


def _clauses(text: str) -> Iterator[str]:
    """A semicolon separates what a "not" denies from what it does not."""
    return (clause for sentence in sentences(text) for clause in _CLAUSE.split(sentence))
