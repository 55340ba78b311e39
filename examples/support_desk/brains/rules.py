"""What no reply may say, sentence by sentence: promises, admissions, personal data, rudeness.

The rule of this file: these rules hold whatever the articles say. An article written for colleagues may allow more
than the desk may promise to a customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..schemas import Feedback, Problem
from .language import is_negated

MAX_REFUND_USD: Final = 50
"""What the desk may promise by itself; above it a person decides."""

_AMOUNT: Final = re.compile(
    r"(?:US ?)?[$\u20ac\u00a3] ?(\d[\d,]*(?:\.\d+)?)"
    r"|(\d[\d,]*(?:\.\d+)?) ?(?:USD|EUR|GBP|dollars?|euros?|pounds?|bucks)\b",
    re.IGNORECASE,
)
_MANY: Final = re.compile(r"\b(?:sixty|seventy|eighty|ninety|hundred|thousand)\b[\w -]* (?:dollars?|euros?|pounds?)\b")
_REFUND: Final = re.compile(
    r"\b(?:refund\w*|reimburse\w*|credit(?:ed|ing)?|compensat\w*|money back|pay (?:you|the|back)|repay|voucher"
    r"|goodwill|difference)\b",
    re.IGNORECASE,
)
_EVERYTHING: Final = re.compile(
    r"\b(?:we|i)(?:'ll|'ve| will| have| can| are going to| am going to)?\b[^.!?]{0,30}\b(?:refund\w*|reimburse\w*)\b"
    r"[^.!?]{0,20}\b(?:full|everything|whole|entire|total|all of it)\b|\bfull refund\b",
    re.IGNORECASE,
)
_PROMISE: Final = re.compile(
    r"\b(?:guarantee[ds]?|promise[ds]?|assure you|definitely|for sure|without fail|whatever it takes)\b"
    r"|\b100 ?(?:%|percent)(?: \w+)? (?:sure|certain|safe)",
    re.IGNORECASE,
)
_ADMISSION: Final = re.compile(
    r"\b(?:our|my) (?:own )?(?:fault|mistake|error|negligence|failure|liability)\b"
    r"|\bwe (?:are|were|feel) (?:\w+ly )?(?:liable|responsible|at fault|negligent|in breach|to blame)\b"
    r"|\bwe (?:admit|acknowledge|accept) (?:\w+ ){0,2}(?:fault|liability|responsibility|blame|mistake|negligence)\b"
    r"|\byou (?:are|would be) (?:legally )?entitled to (?:damages|compensation|sue)\b|\blegally (?:obliged|required)\b",
    re.IGNORECASE,
)

_DIGITS: Final = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_PHONE: Final = re.compile(r"(?<![\w-])\+?\d(?:[ ()/.-]{0,2}\d){8,14}(?!\w)")
_SECRET: Final = re.compile(
    r"\b(?:password|pin|cvv|cvc|security code|social security number) (?:is|was|:) ?\S", re.IGNORECASE
)

_RUDE: Final = re.compile(
    r"\b(?:stupid|idiot\w*|moron\w*|dumb|ridiculous|nonsense|whining|complain(?:ing|ers?)|lazy|shut up|damn|hell"
    r"|calm down|get over it|your (?:own )?fault|your problem|not our problem|too bad|as (?:i|we) already (?:said|told)"
    r"|should have (?:read|known|thought)|obviously|if you had (?:bothered|read)|can't you read|like we said)\b",
    re.IGNORECASE,
)
_SHOUTING: Final = re.compile(r"\b(?:[A-Z]{3,}\W+){2,}[A-Z]{3,}\b|!\s*!")


def policy_faults(sentence: str, known: str) -> Iterator[Feedback]:
    """Promises, admissions and personal data in a sentence.

    ``known`` is the text of the articles: what it prints, such as the shop's own address, is no secret.
    """
    if fault := _promise(sentence):
        yield Feedback(problem=Problem.promise, where=sentence, what_to_do=fault)
    if found := _ADMISSION.search(sentence):
        yield Feedback(
            problem=Problem.legal,
            where=sentence,
            what_to_do=f"Do not say {found.group()!r}: who is to blame is not for the desk to decide.",
        )
    for what in _personal(sentence, known):
        yield Feedback(problem=Problem.personal_data, where=sentence, what_to_do=f"Take out the {what}.")


def tone_faults(sentence: str) -> Iterator[Feedback]:
    """Rude, reproachful or shouting words in a sentence."""
    if found := _RUDE.search(sentence):
        yield Feedback(problem=Problem.tone, where=sentence, what_to_do=f"Stay friendly: take out {found.group()!r}.")
    elif found := _SHOUTING.search(sentence):
        yield Feedback(problem=Problem.tone, where=sentence, what_to_do="Do not shout: no capitals, one mark at most.")


def _promise(sentence: str) -> str | None:
    amounts = [float((a or b).replace(",", "")) for a, b in _AMOUNT.findall(sentence)]
    if _REFUND.search(sentence):
        if (most := max(amounts, default=0.0)) > MAX_REFUND_USD:
            return f"Do not promise {most:g} USD: above {MAX_REFUND_USD} USD a person decides."
        if found := _MANY.search(sentence.lower()):
            return f"Do not promise {found.group()}: above {MAX_REFUND_USD} USD a person decides."
    if _EVERYTHING.search(sentence) and not is_negated(sentence):
        return f"Do not promise to refund all of it: it may be more than {MAX_REFUND_USD} USD."
    found = _PROMISE.search(sentence)
    if found and not is_negated(sentence):
        return f"Do not say {found.group()!r}: say what usually happens."
    return None


def _personal(sentence: str, known: str) -> Iterator[str]:
    if any(_luhn(found.group()) for found in _DIGITS.finditer(sentence)):
        yield "card number"
    elif any(found.group() not in known for found in _PHONE.finditer(sentence)):
        yield "phone or account number"
    if _IBAN.search(sentence):
        yield "bank account"
    if any(found.group() not in known for found in _EMAIL.finditer(sentence)):
        yield "email address"
    if _SECRET.search(sentence):
        yield "password or code"


def _luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1, annex B)."""
    figures = [int(d) for d in reversed(digits) if d.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in figures[1::2]]
    return (sum(figures[::2]) + sum(doubled)) % 10 == 0
