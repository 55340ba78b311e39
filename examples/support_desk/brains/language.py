"""English as far as the desk needs it: words that carry no meaning, stems, sentences, numbers."""

from __future__ import annotations

import re
from typing import Final

_SAY_LITTLE: Final = """
    a about above after again all already also although am an and any anything are aren as ask at away be because
    been before being both bring but by came can cannot check could couldn d did didn do does doesn doing don done
    each either else enough even ever every everything few find for from get gets getting give go goes going gone got
    had has hasn have haven having he hello help her here hers hey hi him his hope how however i if im in into is isn
    it its itself ive just keep kind know let like ll look looks m made make many may maybe me might mine more most
    much must my need needs neither never new no nobody nor not nothing now of off often ok on once one only onto or
    other our ours out over own people perhaps please possible put quite rather re really right s said same say
    says see seem seems shall she should since so some someone something somehow soon still such sure t take tell than
    thank thanks that the their them then there these they thing things think this those though through to too try
    trying under until up us use used using ve very want wanted wants was way we well went were what whatever when
    where whether which while who whole why will wish with within without won work works would wrote yes yet you your
    yours monday tuesday wednesday thursday friday saturday sunday january february march april june july august
    september october november december today tomorrow yesterday tonight morning noon afternoon evening last ago since
    am pm two three four five six seven eight nine ten
"""

STOPWORDS: Final = frozenset(_SAY_LITTLE.split())
"""Words that say nothing about the subject of a question."""

NEGATIONS: Final = frozenset({"not", "no", "never", "none", "nothing", "neither", "nor", "cannot", "without", "hardly"})

_NUMBER_WORDS: Final = (
    {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9"}
    | {"ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50"}
    | {"sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90", "hundred": "100", "thousand": "1000"}
)
"""From two on: "one" is a pronoun more often than a number."""

_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_NUMBER: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(]*[A-Z0-9])|(?<=[;:])\s*\n|\n+")
_STEP: Final = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*])\s+")


def words(text: str) -> list[str]:
    """Words in lower case; typographic apostrophes are made plain."""
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def sentences(text: str) -> list[str]:
    """Sentences and list items, without the numbers or bullets that items begin with."""
    parts = (_STEP.sub("", line) for line in text.splitlines())
    return [part.strip() for line in parts for part in _SENTENCE_END.split(line) if part.strip()]


def numbers(text: str) -> frozenset[str]:
    """The numbers that a text states, in figures or in words, without separators of thousands."""
    figures = {figure.rstrip(",").replace(",", "") for figure in _NUMBER.findall(_without_steps(text))}
    return frozenset(figures | {_NUMBER_WORDS[word] for word in words(text) if word in _NUMBER_WORDS})


def stems(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    return frozenset(stem(word) for word in words(text) if word not in STOPWORDS and not word.isdigit())


def stem(word: str) -> str:
    """A rough stem: enough to see that "returned" is about "returns"."""
    for suffix in ("ing", "ed", "es", "s", "ly", "e"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word.removesuffix(suffix)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def is_negated(text: str) -> bool:
    """Whether a sentence denies what its words say."""
    found = words(text)
    return any(word in NEGATIONS or word.endswith("n't") for word in found)


def _without_steps(text: str) -> str:
    return "\n".join(_STEP.sub("", line) for line in text.splitlines())
