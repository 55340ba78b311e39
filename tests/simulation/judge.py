"""One seed, run and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from .oracle import violations
from .world import Simulation


class Outcome(NamedTuple):
    """What a run came to."""

    seed: int
    violations: list[str]
    struck: Counter[str]
    """How often each kind of fault did strike."""
    events: int
    """Callbacks that ran, in all processes."""
    virtual_s: float
    journal: str
    """Digest of what is on the disk: the same for the same seed."""


def judge(
    seed: int, say: Callable[[str], None] | None = None, simulation: type[Simulation] = Simulation, shards: int = 0
) -> Outcome:
    """Run a seed; ``say`` takes the lines of its trace. ``shards`` other than 0 does not let the seed decide."""
    run = simulation(seed, say, shards)
    run.run()
    found = violations(run)
    digest = " ".join(rows[-1][6].hex() for rows in run.written if rows)
    run.close()
    return Outcome(seed, found, run.struck, run.timeline.steps, run.timeline.now, digest)
