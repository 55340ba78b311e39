"""The writer: a reply made of what the articles say, and of nothing else.

The rule of this file: every sentence between the greeting and the closing is taken from a passage. A revision
takes away what the review objected to; it never adds a claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ..schemas import Draft, Feedback, Passage, Problem
from .language import sentences, stems, words

MAX_BODY: Final = 150
"""Words between greeting and closing; with both the reply stays under 200."""

SIGNATURE: Final = "Kind regards,\nKettle & Crane support"
THANKS: Final = "Thank you for your message."

_NAME: Final = re.compile(r"[^\W\d_][\w.' -]{0,39}")
_STEP: Final = re.compile(r"^\s*\d{1,2}[.)]\s+")


def write(question: str, customer: str | None, passages: Sequence[Passage]) -> Draft:
    """A reply from the article of the best passage. Raises: ValueError if there is no passage."""
    if not passages:
        raise ValueError("a reply needs at least one passage to rest on")
    best = passages[0]
    same = [passage for passage in passages if passage.article == best.article]
    # The two best sections are told as a whole, the opening of the article first; of others, what fits the question.
    blocks = [block for passage in sorted(same[:2], key=lambda p: p.heading != "") for block in _told(passage)]
    wanted = stems(question)
    blocks += [block for passage in same[2:] for block in _blocks(passage.text) if len(stems(block) & wanted) > 1]
    return _assemble(_fitting(blocks), customer, best)


def revise(draft: Draft, feedback: Sequence[Feedback], customer: str | None, passages: Sequence[Passage]) -> Draft:
    """The draft without what the review objected to, with greeting, source and closing put right.

    Raises: ValueError if there is no passage.
    """
    if not passages:
        raise ValueError("a reply needs at least one passage to rest on")
    at_fault = [note.where for note in feedback if note.problem not in {Problem.length, Problem.citation, Problem.form}]
    blocks = [kept for block in _body(draft.reply) if (kept := _without(block, at_fault))]
    if any(note.problem is Problem.length for note in feedback):
        blocks = _fitting([line for block in blocks for line in block.splitlines()])
    source = next((p for p in passages if p.article in draft.sources), passages[0])
    return _assemble(blocks, customer, source)


def greeting(customer: str | None) -> str:
    """A greeting by name. What does not look like a name is not repeated: the field comes from outside."""
    name = (customer or "").strip()
    return f"Hello {name}," if _NAME.fullmatch(name) and len(name.split()) <= 4 else "Hello,"


def source_line(passage: Passage) -> str:
    """Where the reply comes from."""
    return f'You can read more in our help article "{passage.title}" ({passage.article}).'


def _assemble(blocks: Sequence[str], customer: str | None, source: Passage) -> Draft:
    parts = [greeting(customer), THANKS, *_numbered(blocks), source_line(source), SIGNATURE]
    return Draft(reply="\n\n".join(parts), sources=(source.article,))


def _told(passage: Passage) -> list[str]:
    """The blocks of a section, below its heading where that announces steps."""
    blocks = _blocks(passage.text)
    announced = passage.heading and blocks and _STEP.match(blocks[0])
    return [f"{passage.heading}:", *blocks] if announced else blocks


def _blocks(text: str) -> list[str]:
    """Paragraphs by line; steps that follow each other stay together, for half of them would mislead."""
    blocks: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        if blocks and _STEP.match(line) and _STEP.match(blocks[-1]):
            blocks[-1] += f"\n{line.strip()}"
        else:
            blocks.append(line.strip())
    return blocks


def _body(reply: str) -> list[str]:
    """What stands between the greeting and the closing, the thanks and the source left out."""
    lines = reply.splitlines()
    end = next((i for i, line in enumerate(lines) if line.lower().startswith(("kind regards", "best regards"))), None)
    kept = [line for line in lines[:end] if not line.lower().startswith(("hello", "hi ", "dear ", "thank you for"))]
    return _blocks("\n".join(line for line in kept if "our help article" not in line))


def _without(block: str, at_fault: Sequence[str]) -> str:
    """The block without the sentences that were objected to."""
    lines = []
    for line in block.splitlines():
        step = _STEP.match(line)
        kept = " ".join(s for s in sentences(line) if not any(_same(s, where) for where in at_fault))
        if kept:
            lines.append(f"{step.group() if step else ''}{kept}")
    return "\n".join(lines)


def _same(sentence: str, where: str) -> bool:
    one, other = " ".join(words(sentence)), " ".join(words(where))
    return bool(other) and (other in one or one in other)


def _fitting(blocks: Sequence[str]) -> list[str]:
    """As many blocks as there is room for, and always the first; lines that belong together are put together."""
    kept: list[str] = []
    room = MAX_BODY
    for block in blocks:
        room -= len(words(block))
        if room < 0 and kept:
            break
        kept.append(block)
    return _blocks("\n".join(kept))


def _numbered(blocks: Sequence[str]) -> Iterator[str]:
    """Steps counted from 1 again, should one have been taken away."""
    for block in blocks:
        lines = block.splitlines()
        if all(_STEP.match(line) for line in lines):
            yield "\n".join(f"{n}. {_STEP.sub('', line)}" for n, line in enumerate(lines, 1))
        else:
            yield block
