"""Who sends how much to whom, within one conversation, by windows of time."""

from __future__ import annotations


class Pair:
    """One sender and one recipient."""

    __slots__ = ("full", "index", "messages", "since")

    def __init__(self, index: int, at: float) -> None:
        self.index = index
        """Tells pairs apart, mostly; the same on every host."""
        self.since = at
        self.messages = 0
        """Since the window began."""
        self.full = 0
        """Windows over the limit on end, before this one."""

    def turn_over(self, at: float, window_s: float, limit: float) -> None:
        """Begin a new window, as the last one is over."""
        on_end = at - self.since < 2 * window_s
        self.full = self.full + 1 if self.messages > limit and on_end else 0
        self.since = at
        self.messages = 0
