"""The quality agent's judgement: policy, grounding and tone of a draft, with feedback that says what to change.

The rule of this file: an objection quotes the words at fault and names the change, so that a writer, person or
machine, can act on it. A draft without objections is approved; there are no marks in between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ..schemas import Draft, Feedback, Passage, Problem, Review
from .grounding import Sources
from .language import sentences, words
from .rules import policy_faults, tone_faults

MAX_WORDS: Final = 200

_GREETING: Final = re.compile(r"(?:hello|hi|dear|good (?:morning|day|afternoon))\b[^.!?\n]*[,!]", re.IGNORECASE)
_CLOSING: Final = re.compile(r"^(?:kind|best|warm) regards\b|^(?:sincerely|yours)\b", re.IGNORECASE | re.MULTILINE)
_COURTESY: Final = re.compile(
    r"thank(?:s| you)(?: very much| so much)?(?: for (?:your (?:message|patience|question|order)|getting in touch"
    r"|(?:writing|reaching out|contacting us|letting us know)(?: to us)?))?[.!]"
    r"|(?:we are|i am|i'm|we're)(?: very| so)? sorry(?: (?:about that|to hear (?:this|that|about this)"
    r"|(?:for|about) (?:the|this) (?:trouble|inconvenience)))?\."
    r"|please (?:reply|write|let us know)(?: to this message| to us)? if (?:anything is unclear"
    r"|you (?:have|need) (?:any |more |further |other )*(?:questions|help))\."
    r"|(?:we are|i am|i'm|we're) happy to help(?: you)?(?: with (?:this|that))?[.!]"
    r"|(?:(?:you can|please) )?(?:read|find|see) (?:more |all of this |this |details )?(?:about this )?(?:in|under)? ?"
    r"(?:our|the) (?:help )?article[^\w]*\.",
    re.IGNORECASE,
)
"""Sentences that claim nothing, and so need no source. A whole sentence, or it could carry a claim along."""


def review(draft: Draft, customer: str | None, passages: Sequence[Passage]) -> Review:
    """The verdict on a draft that claims to rest on ``passages``."""
    feedback = tuple(_objections(draft, customer, passages))
    return Review(approved=not feedback, feedback=feedback)


def _objections(draft: Draft, customer: str | None, passages: Sequence[Passage]) -> Iterator[Feedback]:
    reply = _without_citations(draft.reply, passages)
    claims = claims_of(reply)
    yield from _form(draft, customer, claims)
    yield from _citation(draft, passages)
    yield from _length(draft)
    sources = Sources(passages)
    known = "\n".join(passage.text for passage in passages)
    for sentence in sentences(reply):
        faults = [*policy_faults(sentence, known), *tone_faults(sentence)]
        if not faults and sentence in claims and (fault := sources.check(sentence)):
            faults.append(fault)
        yield from faults


def _without_citations(reply: str, passages: Sequence[Passage]) -> str:
    """The reply without the ids and quoted titles of articles; a number in an id states nothing."""
    for passage in passages:
        reply = reply.replace(f'"{passage.title}"', "").replace(passage.article, "")
    return reply


def claims_of(reply: str) -> list[str]:
    """The sentences that claim something: not the greeting, the courtesies, the closing."""
    closing = _CLOSING.search(reply)
    body = reply[: closing.start()] if closing else reply
    greeting = _GREETING.match(body.lstrip())
    body = body.lstrip()[greeting.end() :] if greeting else body
    return [s for s in sentences(body) if not _COURTESY.fullmatch(s)]


def _form(draft: Draft, customer: str | None, claims: Sequence[str]) -> Iterator[Feedback]:
    first = draft.reply.strip().splitlines()[0] if draft.reply.strip() else "(nothing)"
    greeting = _GREETING.match(first)
    if not greeting:
        yield Feedback(problem=Problem.form, where=first, what_to_do="Begin with a greeting on a line of its own.")
    elif (addressed := words(greeting.group())[1:]) and addressed != words(customer or ""):
        who = f"Address {customer}" if customer else "Greet without a name"
        yield Feedback(problem=Problem.form, where=first, what_to_do=f"{who}; this is another name.")
    if not _CLOSING.search(draft.reply):
        last = draft.reply.strip().splitlines()[-1] if draft.reply.strip() else "(nothing)"
        yield Feedback(problem=Problem.form, where=last, what_to_do="End with 'Kind regards' and the signature.")
    if not claims:
        yield Feedback(problem=Problem.form, where=first, what_to_do="Answer the question; only courtesies are left.")


def _citation(draft: Draft, passages: Sequence[Passage]) -> Iterator[Feedback]:
    known = {passage.article for passage in passages}
    if invented := sorted(set(draft.sources) - known):
        wanted = ", ".join(sorted(known)) or "none"
        yield Feedback(
            problem=Problem.citation, where=", ".join(invented), what_to_do=f"Cite only what was found: {wanted}."
        )
    if not any(source in draft.reply for source in draft.sources if source in known):
        yield Feedback(
            problem=Problem.citation,
            where=draft.reply.strip()[-60:] or "(nothing)",
            what_to_do="Name the article that the reply rests on by its id.",
        )


def _length(draft: Draft) -> Iterator[Feedback]:
    count = len(draft.reply.split())
    if count >= MAX_WORDS:
        beyond = " ".join(draft.reply.split()[MAX_WORDS - 1 :][:12])
        yield Feedback(
            problem=Problem.length,
            where=beyond,
            what_to_do=f"The reply has {count} words; stay under {MAX_WORDS}. Keep the steps, cut the rest.",
        )
