"""Rubbish: when cycles are looked for in a process whose agents go by rounds.

Agents live long, letters on their way are many and die by themselves, and to look through a million of them takes half
as long as to deliver them. So while rounds are played nobody looks but at the end of a round, and not of each.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LEAST: Final = 100_000
"""Letters after which what is young is looked through, or"""

SHARE: Final = 16
"""so many times as many as are on their way."""

SPRING: Final = 32
"""Every so often it is not only what is young."""


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nobody looks meanwhile but a `Sweeper`. What is there at the end counts as old, as if it had been looked at."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # into the oldest generation: it is looked at with all the rest, and rarely
        if was:
            gc.enable()


class Sweeper:
    """Looks for cycles between rounds."""

    def __init__(self) -> None:
        self._letters = 0
        self._times = 0

    def sweep(self, letters: int) -> None:
        """A round is over that has brought so many letters."""
        self._letters += letters
        if self._letters < max(LEAST, SHARE * letters):
            return
        self._letters = 0
        self._times += 1
        gc.collect(1 if self._times % SPRING else 2)
