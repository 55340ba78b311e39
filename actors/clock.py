"""Where a process reads the time: two clocks, passed in, so that a simulation can bend them.

The rule of this file: what is compared with another process's time is wall time; how long something
took, or whether somebody is silent, is steady time, which no administrator and no leap can turn back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple


class Clock(NamedTuple):
    """The two clocks of one process."""

    wall: Callable[[], float] = time.time
    """Unix seconds; may jump."""
    steady: Callable[[], float] = time.monotonic
    """Seconds since some moment; only grows."""


REAL: Final = Clock()
"""Those of this computer."""
