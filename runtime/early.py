"""Early answers: a driver that has come back gets answers to what it asked in an earlier life, and will ask again.

The rule of this file: an answer waits here only if this life may still ask for it. One that comes after whoever asked
in this life has given up does not.
"""

from __future__ import annotations

from typing import Final

from stigmergy.protocols.envelope import Envelope

MOST: Final = 10_000
"""Asks that were given up and have no answer yet, the newest of them."""


class EarlyAnswers:
    """Those of one life."""

    def __init__(self) -> None:
        self._answers: dict[str, Envelope] = {}
        self._given_up: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def take(self, ask: str) -> Envelope | None:
        """The answer to what is asked now, if it has come."""
        self._given_up.pop(ask, None)
        return self._answers.pop(ask, None)

    def keep(self, ask: str, answer: Envelope) -> None:
        """An answer has come that nobody waits for."""
        if ask in self._given_up:
            del self._given_up[ask]
        else:
            self._answers[ask] = answer

    def give_up(self, ask: str) -> None:
        """Nobody waits for this answer any more."""
        self._given_up[ask] = None
        if len(self._given_up) > MOST:
            del self._given_up[next(iter(self._given_up))]
