"""Talks: conversations that have crossed between hosts. A host has one object for each, whichever way it came."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from ..volatile.letter import Talk


class Talks:
    """Those of one host, as long as anybody there speaks of them."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[tuple[str | int, ...], Talk] = WeakValueDictionary()

    def meet(self, talk: Talk) -> tuple[str | int, ...]:
        """One that begins here goes to another host. Returns what makes the same one there."""
        self._known[talk.parts] = talk
        return talk.parts

    def of(self, parts: list[Any]) -> Talk:
        """The conversation that has these parts."""
        key = tuple(parts)
        talk = self._known.get(key)
        if talk is None:
            talk = self._known[key] = Talk(*key)
        return talk
