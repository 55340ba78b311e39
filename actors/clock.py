"""Where a process reads the time: two clocks, passed in, so that a simulation can bend them.

The rule of this file: wall time is what people are shown, and where a board's time begins. How long something took,
whether somebody is silent, and how long somebody still waits is steady time, which no administrator and no leap can
turn back. Two processes' moments are not compared: what goes is how many seconds are left, or the sender's time too.
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
