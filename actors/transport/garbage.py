"""Garbage in processes of our own: how often Python looks for cycles.

The rule it keeps: never called in a user's own process, whose garbage is the user's business.
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLD: Final = (20_000, 20, 50)
"""Letters live for a commit or two, so a look at every 700th new object, as by default, finds nothing to free. It took
an eighth of a board's time."""


def look_less_often() -> None:
    """Look for garbage only among what is made from now on, and less often than Python does by default."""
    gc.freeze()
    gc.set_threshold(*THRESHOLD)
