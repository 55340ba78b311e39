"""Talks: conversations that have crossed between hosts. A host has one object for each, whichever way it came."""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakValueDictionary

from ..volatile.letter import Talk
from ..watchdog.recent import Recent

Name = tuple[str | int, ...]
"""The parts that make a conversation."""

ENDED: Final = 100_000
"""Quarantined conversations that are remembered, at least."""


class Talks:
    """Those of one host, as long as anybody there speaks of them."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Name, Talk] = WeakValueDictionary()
        self._ended: Recent[Name, str] = Recent()

    def meet(self, talk: Talk) -> Name:
        """One that begins here goes to another host. Returns what makes the same one there."""
        self._known[talk.parts] = talk
        return talk.parts

    def of(self, parts: list[Any]) -> Talk:
        """The conversation that has these parts."""
        name = tuple(parts)
        talk = self._known.get(name)
        if talk is None:
            talk = self._known[name] = Talk(*name)
            talk.ended = self._ended.get(name) or ""
        return talk

    def end(self, parts: list[Any], why: str) -> None:
        """A conversation was quarantined, here or on another host."""
        name = tuple(parts)
        self._ended.put(name, why, ENDED)
        talk = self._known.get(name)
        if talk is not None:
            talk.ended = talk.ended or why
