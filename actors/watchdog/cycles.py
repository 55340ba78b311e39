"""The checks on chains that go round: barren rounds, and rounds that lead nowhere."""

from __future__ import annotations

from typing import Final

from .chains import Link
from .conversation import Conversation
from .exchange import agents_of, arrow, lap
from .limits import LoopLimits
from .sightings import Action, Finding, Reason

_TWO: Final = 2
"""Steps of a ping-pong."""


def check_cycle(link: Link, conversation: Conversation, limits: LoopLimits) -> Finding | None:
    """A chain that goes round without news: agents that thank each other, or hand a task on and on."""
    repeats = link.said >= limits.repeats
    if link.barren < limits.barren_warn and not repeats:
        return None
    steps, rounds = lap(link, conversation.links)
    action = Action.QUARANTINE if repeats or link.barren >= limits.barren else Action.WARN
    if rounds == 1:
        text = f"{arrow(steps)}, the end of {link.circling} hops among the same few"
        return Finding(action, Reason.CYCLE, agents_of(steps), text, link.circling)
    reason = Reason.PING_PONG if len(steps) == _TWO else Reason.CYCLE
    return Finding(action, reason, agents_of(steps), f"{arrow(steps)}, {rounds} times", rounds)


def check_circling(link: Link, conversation: Conversation, limits: LoopLimits) -> Finding | None:
    """A chain that goes round with something to say, and never gets anywhere."""
    if link.circling < limits.circling_warn:
        return None
    steps, _ = lap(link, conversation.links)
    action = Action.QUARANTINE if link.circling >= limits.circling else Action.WARN
    text = f"{arrow(steps)}, {link.circling} messages without a fact, a claim or a finished task"
    return Finding(action, Reason.NO_PROGRESS, agents_of(steps), text, link.circling)
