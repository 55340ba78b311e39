"""What was said in a loop, in a line that people can read: ``alice/1 -Thanks-> bob/1 -Thanks-> alice/1``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .chains import Link
from .recent import Recent

_FAR_BACK: Final = 64
_LONGEST: Final = 16
"""The longest period that is looked for: as long as `chains` finds."""
_SHOWN: Final = 8


def backwards(link: Link, links: Recent[str, Link]) -> list[Link]:
    """The link and up to 63 that led to it, newest first, as far as they are remembered."""
    chain = [link]
    while len(chain) < _FAR_BACK and (before := links.get(chain[-1].sent.cause)) is not None:
        chain.append(before)
    return chain


def arrow(steps: Sequence[Link]) -> str:
    """Steps, oldest first, as one line."""
    text = ""
    at = None
    for link in steps:
        sent = link.sent
        label = sent.type.partition("@")[0]
        if sent.mode != "tell":
            label = f"{sent.mode} {label}"
        # A pool's message is taken up by one of its agents, so the next step may start elsewhere.
        start = "" if sent.sender == at else f"{'' if at is None else '; '}{sent.sender}"
        text += f"{start} -{label}-> {sent.recipient}"
        at = sent.recipient
    return text


def agents_of(steps: Sequence[Link]) -> tuple[str, ...]:
    """Who takes part, in the order of appearance."""
    return tuple(dict.fromkeys(name for link in steps for name in (link.sent.sender, link.sent.recipient)))


def lap(link: Link, links: Recent[str, Link]) -> tuple[tuple[Link, ...], int]:
    """One round of the loop that ends here, oldest step first, and how many rounds are remembered.

    Without a regular round it is the last eight steps, once.
    """
    chain = backwards(link, links)
    steps = [each.step for each in chain]
    for period in range(1, min(_LONGEST, len(steps) // 2) + 1):
        same = next((i for i in range(len(steps) - period) if steps[i] != steps[i + period]), len(steps) - period)
        if same >= period:
            return tuple(reversed(chain[:period])), 1 + same // period
    return tuple(reversed(chain[:_SHOWN])), 1


def last_steps(link: Link, links: Recent[str, Link]) -> tuple[tuple[str, ...], str]:
    """Who takes part in the last round or steps, and the line for it."""
    steps, _ = lap(link, links)
    return agents_of(steps), arrow(steps)
