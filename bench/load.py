"""A load: what is done, how often, and how much of it at once. The same for us and for every peer.

The rule of this file: the standard library only, because the peers' environment imports it too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, NamedTuple

Shape = Literal[
    "tell", "ask", "fan_out", "spawn", "post", "step", "press", "turns", "commit", "walk", "toil", "roam", "help",
    "import", "class", "reply",
]  # fmt: skip

BODY_BYTES: Final = 200
"""Size of a message as it crosses a wire: a sentence and a number."""

TEXT: Final = "x" * 186
"""With a number and the names of both fields, `BODY_BYTES` of msgpack."""

ANSWERERS: Final = 16
"""Agents that share the asks; each handles one at a time."""

FOLLOWERS: Final = 100
"""Agents that follow the topic of a fan-out."""

TOPIC: Final = "bench.fan-out"

TELLS_A_TURN: Final = 1_000
"""Tells that one turn sends, when it ends: as many as go into one call of Ray that is batched by hand."""

TELLERS: Final = 4
"""Such turns that wait to run, and calls in flight there: so who tells and who is told work at the same time."""

POSTS_A_TURN: Final = 100
"""Durable posts that are committed together."""

PRESSES: Final = 32
"""Agents that post at once."""

LONG_TEXT: Final = "x" * 285
"""With a number and the names of both fields, 300 bytes of msgpack."""

RUNNERS: Final = 64
"""Agents that pass batons round."""

HOPS: Final = 200
"""Turns of one baton."""

PROBE_S: Final = 1.0
"""How long commits are timed."""


class Load(NamedTuple):
    """What one measurement does."""

    shape: Shape
    operations: int
    """Tells, asks, deliveries, new agents, posts, agent-steps, turns. Asked for; a measurement may round it up."""
    width: int = 1
    """Operations in flight at once, where the shape has a choice; of steps, how many agents there are; of walks, and of
    tokens that roam, how many agents one of them visits."""


class Taken(NamedTuple):
    """What a measurement did and how long it took."""

    operations: int
    seconds: float

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds


def slowest(seconds: list[float]) -> Taken:
    """The 99th percentile of what single operations took, as if it had been all that was done."""
    return Taken(1, sorted(seconds)[len(seconds) * 99 // 100])


Measure = Callable[[Load], Awaitable[Taken]]
"""Carries out a load and counts what was really done. Raises when anything was lost."""
