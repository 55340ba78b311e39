"""How far a test searches: not far each time, because many do, and far in `make nightly`."""

from __future__ import annotations

import os

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


def depth(usual: int, deep: int) -> int:
    """How many seeds, examples or steps a test takes: ``deep`` of them with that profile of hypothesis."""
    return deep if DEEP else usual
