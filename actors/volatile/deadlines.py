"""Deadlines: what is to be done when its time is over, unless it is cancelled first, as most is.

An event loop's timer costs 2 us. One that is looked at four times a second costs a fifth of that, so
what may take a second or more gets one of those, and is at most a quarter of a second late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

EXACT_S: Final = 1.0
"""Shorter times are met exactly."""

TICKS: Final = 4
"""A second has so many."""


class Due:
    """Something that is to be done."""

    __slots__ = ("_arguments", "_call", "_others")

    def __init__(self, others: dict[Due, None], call: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self._others = others
        self._call = call
        self._arguments = arguments
        others[self] = None

    def cancel(self) -> None:
        """It is not to be done after all."""
        self._others.pop(self, None)

    def do(self) -> None:
        """Do it."""
        self._call(*self._arguments)


class Deadlines:
    """Those of one host."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._now = loop.time
        self._ticks: dict[int, dict[Due, None]] = {}

    def after(self, seconds: float, call: Callable[..., None], *arguments: Any) -> Due | asyncio.TimerHandle:
        """Call something then. What is returned can be cancelled."""
        if seconds < EXACT_S:
            return self._loop.call_later(seconds, call, *arguments)
        tick = int((self._now() + seconds) * TICKS) + 1
        others = self._ticks.get(tick)
        if others is None:
            others = self._ticks[tick] = {}
        return Due(others, call, arguments)

    def sweep(self) -> None:
        """Do what is due. Call it about four times a second."""
        now = int(self._now() * TICKS)
        for tick in sorted(tick for tick in self._ticks if tick <= now):
            for due in list(self._ticks.pop(tick)):
                due.do()
