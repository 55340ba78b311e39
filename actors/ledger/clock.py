"""The ledger's clock: how much time has passed, as far as that can be believed.

The rule of this file: elapsed time never falls, and never leaps. Clocks jump: a laptop wakes up, a
virtual machine is moved, a restarted process counts from another zero. A step forward of more than
60 s between two looks counts as no time at all, so a jump extends every lease instead of ending
all of them; a step backward counts as no time either.
"""

from __future__ import annotations

from typing import Final

from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.money import shown

JUMP_S: Final = 60.0
"""A longer step between two looks is not believed."""

TICK_S: Final = 15.0
"""An idle ledger looks at least this often, so that idling is not taken for a jump: four looks a jump."""

_BEYOND: Final = 1e15  # thirty million years; also keeps out NaN, infinity, and integers that no float can hold


class LeaseClock:
    """Turns readings of a clock that may jump into elapsed seconds, beginning with 0."""

    __slots__ = ("behind", "elapsed", "seen")

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.seen: float | None = None
        self.behind = 0.0
        """Seconds by which the clock stepped back, and which it must make up before time counts again:
        a clock that wavers would otherwise run fast."""

    def at(self, now: float) -> float:
        """Seconds elapsed if the clock now reads ``now``; changes nothing. Raises: UsageError."""
        if isinstance(now, bool) or not isinstance(now, (int, float)) or not abs(now) < _BEYOND:
            raise UsageError(f"now is {shown(now)}: pass a clock reading in seconds")
        step = 0.0 if self.seen is None else now - self.seen
        return self.elapsed + step - self.behind if self.behind < step <= JUMP_S else self.elapsed

    def look(self, now: float) -> None:
        """Take ``now`` as the last reading."""
        self.elapsed = self.at(now)
        step = 0.0 if self.seen is None else now - self.seen
        self.behind = max(0.0, self.behind - step) if abs(step) <= JUMP_S else 0.0
        self.seen = now

    def restart(self, now: float) -> None:
        """Go on from another reading: the time since the last one was nobody's."""
        self.at(now)
        self.seen, self.behind = now, 0.0

    def is_stale(self, now: float) -> bool:
        """Whether another look is due: the last one is long ago, or the clock stepped back."""
        return self.seen is None or not 0.0 <= now - self.seen < TICK_S
