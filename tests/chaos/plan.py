"""The schedule of faults: from a seed, the same every time. What happens in between is up to the machine."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

WORKLOADS: Final = ("bank", "counter", "colony", "desk")

MOST_KILLS: Final = 3
"""Restarts of one host, or of the board, that a supervisor forgives within 60 s; a fourth one ends the swarm."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: ``host.kill``, ``host.stop``, ``board.kill`` or ``board.pause``."""

    after_s: float
    """Seconds after the fault before."""
    kind: str
    pick: int
    """Which host, modulo their number."""
    lasts_s: float = 0.0
    """Of a pause."""


@dataclass(frozen=True, slots=True)
class Round:
    """One swarm with one workload and its faults."""

    name: str
    seed: int
    workload: str
    faults: tuple[Fault, ...]


def plan(seed: int, session: int, lane: int, number: int, workloads: tuple[str, ...] = WORKLOADS) -> Round:
    """The round ``number`` of a lane."""
    name = f"{session}-{lane}-{number}"
    draw = Random(f"{seed}/{name}")
    workload = workloads[(number + lane + session) % len(workloads)]
    faults = _hung(draw) if draw.random() < 0.2 else _storm(draw)
    return Round(name, draw.randrange(2**31), workload, tuple(faults))


def _storm(draw: Random) -> list[Fault]:
    """Kills and pauses, one a second."""
    kinds = ["host.kill"] * draw.randint(3, MOST_KILLS + 2) + ["board.kill"] * draw.randint(0, 2)
    kinds += ["board.pause"] * draw.randint(2, 4)
    draw.shuffle(kinds)
    return [_fault(draw, kind) for kind in kinds]


def _hung(draw: Random) -> list[Fault]:
    """A host that hangs until its lease is over, and wakes up afterwards; the board stumbles meanwhile."""
    return [_fault(draw, kind) for kind in ("host.stop", *["board.pause"] * draw.randint(2, 4))]


def _fault(draw: Random, kind: str) -> Fault:
    return Fault(draw.uniform(0.5, 1.3), kind, draw.randrange(2), draw.uniform(0.2, 2.0))
