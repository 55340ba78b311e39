"""Standstill: which hosts' loops have stopped turning, in which line of the user's code, and what is news of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

STALLED_S: Final = 2.0
"""A host whose loop has not turned for so long beyond its beat counts as silent, though its thread answers."""


class Seen(NamedTuple):
    """What a sign of life says."""

    still: bool
    """Its loop has stopped turning."""
    at: str | None
    """News: the line of the user's code that holds it up, or "" once it turns again; None when there is no news."""


class Standstill:
    """The hosts that stand still, by ``name.epoch``."""

    def __init__(self) -> None:
        self._at: dict[str, str] = {}

    def see(self, peer: str, health: Mapping[str, Any]) -> Seen:
        """Take note of a sign of life. A line is news once, whatever else is seen meanwhile, until the loop turns."""
        at, known = health.get("at", ""), self._at.get(peer, "")
        if health.get("stalled_s", 0.0) < STALLED_S:
            return Seen(still=False, at="" if self._at.pop(peer, "") else None)
        self._at[peer] = known or at
        return Seen(still=True, at=at if at and not known else None)

    def why(self, peer: str) -> str:
        """Why a host is ended that gave no sign of life."""
        return why(self._at.get(peer, ""))


def why(at: str) -> str:
    """Why a host that stands still is ended; ``at`` is a line of the user's code, if it is one."""
    return f"{at} did not return" if at else "it gave no sign of life"
