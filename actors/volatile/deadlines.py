"""Deadlines of questions: looked at four times a second, so that a question which is answered in time costs nothing.

A timer of the event loop costs 2 us, and most are cancelled. So only a short patience gets one; a longer one is at most
a quarter of a second late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .asked import Asked
from .places import Place

EXACT_S: Final = 1.0
"""Shorter times are met exactly."""


def expire(waits: Mapping[Asked, Place], now: float) -> None:
    """Nobody waits any more for answers whose time is over by ``now``, in seconds on the host's clock."""
    for asked in [asked for asked in waits if 0 < asked.deadline <= now]:
        asked.expire(waits[asked].name)
