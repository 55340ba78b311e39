"""The lookout: what the lead's loop watchdog has to see of other shards, and what those judge by themselves.

The rule of this file: what one pair, one turn or one agent's asks show is judged by the shard of the sender, which sees
all of it. What shows only over many agents, chains of messages and who waits for whom, the lead judges for all.
So a message deeper than six hops is shown to the lead twice, where it is sent and where it arrives: then the lead has
seen it before anything that it causes.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

SHALLOW: Final = 6
"""Hops up to which a chain is no round: a ping-pong shows from its sixth hop on."""

PATIENCE_S: Final = 2.0
"""How long a deadlock over several shards must last: its asks and answers are told by shards that are not in step."""

_FOR_THE_LEAD: Final[dict[str, Any]] = {
    "stale_hops": inf,
    "barren_warn": inf,
    "barren": inf,
    "circling_warn": inf,
    "circling": inf,
    "echoes": inf,
    "variants": inf,
    "stalled_messages": inf,
    "swarm_echoes": inf,
    "swarm_quarantines": 2**31,
}
"""What a shard other than the lead does not judge."""


def limits_of(limits: dict[str, Any], *, lead: bool) -> dict[str, Any]:
    """The limits that a shard's own watchdog goes by."""
    return limits if lead else {**limits, **_FOR_THE_LEAD}
