"""Beginnings: whether anything has happened in a run, or it was only got ready.

The rule of this file: what an entry means that is not listed here, it is something that happened. A run in which
nothing has happened can be thrown away and made again, and nobody misses it; any other holds what somebody relies on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stigmergy.actors.journal import Entry

_READY: Final = (
    "swarm.begin",
    "swarm.stop",
    "swarm.resume",
    "registry.",
    "ledger.open",
    "ledger.reopen",
    "topics.subscribe",
    "trails.define",
    "swarm.act",
)
"""Kinds of entries that a swarm writes to get ready, to stop, and to come back: its accounts, kinds, hosts and trails.
What an act did to the blackboard has an entry of its own before that of the act."""


def is_event(entry: Entry) -> bool:
    """Whether an entry tells that something has happened: a message, a post, a fact, a claim, a trail, a payment."""
    return not entry.kind.startswith(_READY)


def has_begun(entries: Iterable[Entry]) -> bool:
    """Whether anything has happened; looks no further than the first sign of it."""
    return any(map(is_event, entries))
