"""What the router sees of a text: its phrases, the pairs of words that occur together, its letter groups.

The rule of this file: the same text gives the same sparse vector while learning and while classifying.
A gram that was never learned has no column but counts in the length of its block, as if it had been seen
once; so a text of unknown words carries little evidence, and the router is unsure of it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_WORDS: Final = 400
"""Words of a text that are read. People state their problem first; a pasted log adds nothing but time."""

PAIR_WINDOW: Final = 12
"""How far apart, in words, the two words of a pair may stand."""

_MIN_TEXTS: Final = (1, 2, 2)
"""In how many texts a phrase, a pair, a letter group must occur to be given a column."""

_WORD: Final = re.compile(r"\w+(?:'\w+)?")


class SparseRow(NamedTuple):
    """One text as columns and their values; each of the three blocks has at most length 1."""

    columns: NDArray[np.int32]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The columns that were learned: one dictionary per block, and how much each column says."""

    blocks: tuple[Mapping[str, int], ...]
    idf: Sequence[float]
    rarest: float
    """Inverse document frequency of a gram that occurs in one text: what an unknown gram weighs."""

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.idf)

    def row(self, text: str) -> SparseRow:
        """TF-IDF with sublinear counts (1 + ln tf), each block scaled to length 1 before the unknown is left out."""
        columns: list[int] = []
        values: list[float] = []
        for known, grams in zip(self.blocks, split(text), strict=True):
            found: list[float] = []
            square = 0.0
            for gram, count in Counter(grams).items():
                column = known.get(gram)
                tf = 1.0 if count == 1 else 1.0 + math.log(count)
                value = tf * (self.rarest if column is None else self.idf[column])
                square += value * value
                if column is not None:
                    columns.append(column)
                    found.append(value)
            length = math.sqrt(square) or 1.0
            values += [value / length for value in found]
        return SparseRow(np.array(columns, np.int32), np.array(values, np.float32))


def learn_vocabulary(texts: Sequence[str], limit: int) -> Vocabulary:
    """The grams worth a column, at most ``limit`` of them: those that occur in the most texts."""
    found: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    for text in texts:
        for seen, grams in zip(found, split(text), strict=True):
            seen.update(set(grams))
    frequent = [
        (texts_with, block, gram)
        for block, seen in enumerate(found)
        for gram, texts_with in seen.items()
        if texts_with >= _MIN_TEXTS[block]
    ]
    kept = sorted(frequent, key=lambda item: (-item[0], item[1], item[2]))[:limit]
    blocks: tuple[dict[str, int], ...] = ({}, {}, {})
    for column, (_, block, gram) in enumerate(kept):
        blocks[block][gram] = column
    total = 1.0 + len(texts)
    idf = [math.log(total / (1 + texts_with)) + 1.0 for texts_with, _, _ in kept]
    return Vocabulary(blocks, idf, math.log(total / 2) + 1.0)


def split(text: str) -> tuple[list[str], list[str], list[str]]:
    """Phrases of one and two words, unordered pairs of words at most 12 apart, groups of 3 and 4 letters."""
    tokens = words(text)
    phrases = tokens + [f"{a} {b}" for a, b in pairwise(tokens)]
    pairs = [
        f"{a} {b}" if a < b else f"{b} {a}" for i, a in enumerate(tokens) for b in tokens[i + 1 : i + 1 + PAIR_WINDOW]
    ]
    letters: list[str] = []
    for token in tokens:
        padded = f" {token} "
        letters += [padded[i : i + 3] for i in range(len(padded) - 2)]
        letters += [padded[i : i + 4] for i in range(len(padded) - 3)]
    return phrases, pairs, letters


def words(text: str) -> list[str]:
    """Casefolded words, at most 400; compatibility forms and typographic apostrophes are made plain."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return [match.group() for match in islice(_WORD.finditer(plain), MAX_WORDS)]
