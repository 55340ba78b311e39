"""The checks that look at one message and the counters it carries: hops, repetition, pair rate.

Each check takes a few comparisons, and returns a finding or None.
"""

from __future__ import annotations

from .chains import Link
from .conversation import Conversation
from .exchange import arrow, last_steps
from .limits import LoopLimits
from .pairs import Pair
from .sightings import Action, Finding, Reason


def is_deep(link: Link, limits: LoopLimits) -> bool:
    """Whether a chain is too long, or too long for what it still tells."""
    return link.stale_hops > limits.stale_hops or link.sent.hops > limits.hops


def check_hops(link: Link, conversation: Conversation, limits: LoopLimits) -> Finding | None:
    """A chain that is too long, or too long for what it still tells."""
    if not is_deep(link, limits):
        return None
    stale = link.stale_hops > limits.stale_hops
    agents, text = last_steps(link, conversation.links)
    what = f"{link.stale_hops} without news" if stale else f"the limit is {limits.hops:g}"
    return Finding(Action.QUARANTINE, Reason.HOPS, agents, f"{text}, {link.sent.hops} hops, {what}", link.sent.hops)


def check_repetition(link: Link, limits: LoopLimits) -> Finding | None:
    """The same again, from the same sender, and nothing new called for it."""
    if link.said < limits.repeats_warn:
        return None
    action = Action.QUARANTINE if link.said >= limits.repeats else Action.WARN
    text = f"{arrow([link])}, {link.said} times the same"
    return Finding(action, Reason.REPETITION, (link.sent.sender, link.sent.recipient), text, link.said)


def check_rate(link: Link, pair: Pair, conversation: Conversation, limits: LoopLimits) -> Finding | None:
    """One pair with more messages in a window than anybody reads."""
    window_s = limits.pair_window_s
    if pair.messages == limits.pair_messages + 1:
        last_s = limits.pair_windows * window_s
        endless = pair.full >= limits.pair_windows and pair.since - conversation.progress_at >= last_s
        action = Action.QUARANTINE if endless else Action.SLOW
        text = f"{arrow([link])}, {pair.messages} messages in {window_s:g} s"
        if pair.full:
            text += f", and {pair.full} windows before as many"
        return Finding(action, Reason.PAIR_RATE, (link.sent.sender, link.sent.recipient), text, pair.messages)
    return None
