"""Words for agents under test: prose that keeps finding new ones, and courtesy that does not."""

from __future__ import annotations

import random
from typing import Any

_LETTERS = "abcdefghiklmnoprstuvwy"
VOCABULARY = ["".join(random.Random(number).choices(_LETTERS, k=6)) for number in range(6_000)]
ZIPF = [1 / rank for rank in range(1, len(VOCABULARY) + 1)]

COURTESIES = (
    "thank you so much",
    "you are very welcome",
    "my pleasure",
    "have a great day",
    "it was lovely working with you",
    "wishing you all the best",
    "many thanks again",
    "glad i could help",
    "do not hesitate to reach out",
    "likewise",
    "take care",
    "i really appreciate it",
    "that means a lot",
    "cheers",
    "looking forward to our next exchange",
    "thanks for your kind words",
    "so kind of you",
    "until next time",
    "all good",
    "the honour is mine",
)


def quoted(text: str) -> dict[str, Any]:
    return {"text": text}


def words(rng: random.Random, number: int) -> list[str]:
    """Words as a language draws them: a few all the time, most hardly ever (Zipf, 1935)."""
    return rng.choices(VOCABULARY, ZIPF, k=number)


def prose(rng: random.Random, number: int) -> dict[str, Any]:
    return quoted(" ".join(words(rng, number)))
