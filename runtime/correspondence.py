"""What agents tell a driver, by shard: each message once and in order, whichever board tells it.

A board numbers what it tells, in the order of its journal. When it dies just after a commit, the last of it may not
have arrived; its successor is told how many did, and tells the others again.
"""

from __future__ import annotations

from typing import Any


class Correspondence:
    """The messages of one shard's agents to one driver."""

    def __init__(self) -> None:
        self.begun = False
        """Whether there has been a board."""
        self.heard = 0
        """How many have come, without a gap."""
        self._early: dict[int, Any] = {}
        """What a successor told before it knew what was missing."""

    def take(self, number: int, letter: Any) -> list[Any]:
        """What may be heard now that this one is here."""
        if number > self.heard:
            self._early[number] = letter
        due = []
        while self.heard + 1 in self._early:
            self.heard += 1
            due.append(self._early.pop(self.heard))
        return due
