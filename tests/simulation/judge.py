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


def judge(seed: int, say: Callable[[str], None] | None = None, simulation: type[Simulation] = Simulation) -> Outcome:
    """Run a seed; ``say`` takes the lines of its trace."""
    run = simulation(seed, say)
    run.run()
    found = violations(run)
    rows = run.disk.rows()
    digest = rows[-1][6].hex() if rows else ""
    run.close()
    return Outcome(seed, found, run.struck, run.timeline.steps, run.timeline.now, digest)
