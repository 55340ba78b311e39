"""Operations that are done: so that a turn which runs again does nothing twice.

An operation is named ``turn:step``. It is remembered until its turn is committed and cannot run
again; then all operations of the turn are forgotten together. An operation without a name is not
remembered: whoever gives none says that there will be no repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Done:
    """What each remembered operation came to; about 300 bytes each."""

    def __init__(self, by_turn: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._by_turn = {turn: dict(results) for turn, results in (by_turn or {}).items()}

    def __contains__(self, op: str) -> bool:
        return op in self._by_turn.get(_turn(op), ())

    def __getitem__(self, op: str) -> Any:
        return self._by_turn[_turn(op)][op]

    def add(self, op: str, result: Any) -> None:
        """Remember an operation, unless it has no name."""
        if op:
            self._by_turn.setdefault(_turn(op), {})[op] = result

    def known(self, turns: Iterable[str]) -> list[str]:
        """Those of the turns that have an operation here."""
        return [turn for turn in turns if turn in self._by_turn] if self._by_turn else []

    def forget(self, turns: Iterable[str]) -> None:
        """Drop all operations of these turns."""
        for turn in turns:
            self._by_turn.pop(turn, None)

    def snapshot(self) -> dict[str, Any]:
        """Plain data, which the constructor takes."""
        return {turn: dict(results) for turn, results in self._by_turn.items()}


def _turn(op: str) -> str:
    return op.partition(":")[0]
