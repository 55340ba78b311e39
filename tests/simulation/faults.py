"""What goes wrong in a simulation, and when. One seed decides."""

from __future__ import annotations

from random import Random
from typing import NamedTuple, get_args

from .disk import Trouble
from .network import Weather

FAULTS_END_S = 8.0
"""From then on everything works, and all must come to its end."""


class Fault(NamedTuple):
    """One blow."""

    at: float
    kind: str
    size: float
    """Seconds that it lasts, or that a clock jumps; what it means depends on the kind."""
    pick: float
    """Chooses the victim, in [0, 1)."""
    trouble: Trouble = ""


DISK_TROUBLES: tuple[Trouble, ...] = tuple(t for t in get_args(Trouble) if t)

AT_HOSTS = ("kill a host", "hang a host", "cut a host off", "replace a host", "replace a host")
AT_BOARD = ("kill the board", "kill the driver", "power failure", "disk trouble", "disk trouble", "hang the board")
CLOCKS = ("clock of the board", "clock of a host", "clock of the driver")


class Plan(NamedTuple):
    """What one seed does to its swarm."""

    weather: Weather
    faults: tuple[Fault, ...]


def plan_faults(random: Random, kills: int) -> Plan:
    """Some faults. At most three hit hosts, those included which messages kill: more is for a supervisor to give up."""
    storm = random.random() < 0.7
    weather = Weather(*(random.uniform(0, 0.08) for _ in range(3))) if storm else Weather()
    count = random.randrange(3 - kills + 1) if kills < 3 else 0
    faults = [_fault(random, random.choice(AT_HOSTS), random.uniform(0.5, 14.0)) for _ in range(count)]
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        fault = _fault(random, random.choice(AT_BOARD), random.uniform(0.2, 5.0))
        faults.append(fault._replace(trouble=random.choice(DISK_TROUBLES)))
    if random.random() < 0.3:
        faults.append(_fault(random, random.choice(CLOCKS), random.choice((3_600.0, -3_600.0, 0.0))))
    return Plan(weather, tuple(sorted(faults)))


def _fault(random: Random, kind: str, size: float) -> Fault:
    # Most of the work is done in the first second, so that is when most faults come.
    at = random.uniform(0.0, 1.5) if random.random() < 0.7 else random.uniform(0.0, FAULTS_END_S - 2.0)
    return Fault(at, kind, size, random.random())
