"""The reader: letters and answers of parcels, where a link ends. See `wire`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from stigmergy.protocols.codec import unpack as decoded
from stigmergy.protocols.errors import Malformed, unpack

from ..volatile.letter import Letter, Talk
from .bodies import Bodies, Opened
from .quick import parcels
from .wire import Answer, Contents, Head

FAULTS: Final = (TypeError, ValueError, IndexError, AttributeError, StopIteration)
"""What bytes that are no parcel run into."""


class Parts(NamedTuple):
    """A parcel whose words are known and whose bodies are opened."""

    known: list[Any]
    heads: list[Any]
    columns: list[list[Any]]
    deep: list[Any]
    replies: list[list[Any]]
    faults: bytes
    types: list[str]
    messages: list[list[Opened]]
    sound: bool
    """Whether all messages are as they should be."""


class Reader:
    """One direction of a link, where it ends."""

    def __init__(self, bodies: Bodies, talk: Callable[[list[Any]], Talk]) -> None:
        """``talk(parts)`` is the conversation of that name, as this host knows it."""
        self._bodies = bodies
        self._talk = talk
        self._words: list[Any] = []

    def opened(self, payload: Any) -> Parts:
        """A parcel with its words known and its bodies opened: the next one builds on it. Raises: Malformed."""
        try:
            fresh, words, heads, columns, deep, replies, faults, bodies = payload
            if fresh:
                self._words.clear()
            known = self._words
            known += [self._talk(word) if type(word) is list else word for word in words]
            types = [known[number] for number, _ in bodies]
            found = [self._bodies.opened(known[number], data) for number, data in bodies]
        except FAULTS as why:
            raise malformed(why) from None
        sound = all(fine for _, fine in found)
        return Parts(known, heads, columns, deep, replies, faults, types, [some for some, _ in found], sound)

    def read(self, payload: Any) -> Contents:
        """What is in a parcel. Raises: Malformed."""
        return self.contents(self.opened(payload))

    def contents(self, parts: Parts) -> Contents:
        """Everything that is in a parcel. Raises: Malformed."""
        try:
            return _contents(parts)
        except FAULTS as why:
            raise malformed(why) from None

    def letters(
        self, parts: Parts, inquire: Callable[[int, float], Any]
    ) -> tuple[list[tuple[str, Letter, float]], list[Answer]] | None:
        """The letters of a parcel, each with its recipient and patience, and its answers; None when they want a look.

        ``inquire(ticket, patience)`` is what a question's letter has. Raises: Malformed.
        """
        if parcels is None or parts.deep != [] or not parts.sound:
            return None
        try:
            found, many = parcels.letters(parts.heads, parts.columns, parts.known, parts.messages, inquire)
            rest = [iter(some[taken:]) for some, taken in zip(parts.messages, many, strict=True)]
            return found, _answers(parts, rest)
        except FAULTS as why:
            raise malformed(why) from None


def _contents(parts: Parts) -> Contents:
    known, messages = parts.known, [iter(some) for some in parts.messages]
    met = [
        Head(known[sender], known[talk], known[causer], cause, hops, tuple(taint), known[topic])
        for sender, talk, causer, cause, hops, taint, topic in parts.heads
    ]
    in_head, to, kinds, numbers, tickets, patiences = parts.columns
    letters = zip(
        [met[head] for head in in_head],
        [known[number] for number in to],
        _taken(messages, kinds),
        numbers,
        tickets,
        patiences,
        [parts.types[kind] for kind in kinds],
        strict=True,
    )
    found = list(letters)
    chains = [(found[number], chain) for number, chain in parts.deep]
    return Contents(found, parts.sound, _answers(parts, messages), chains)


def _answers(parts: Parts, messages: list[Iterator[Opened]]) -> list[Answer]:
    """What has been answered; ``messages`` are those that are no letters."""
    asked, kinds, taints = parts.replies
    answers: list[Answer] = list(zip(asked, _taken(messages, kinds), map(tuple, taints), strict=True))
    answers += [(ticket, unpack(*fault), ()) for ticket, fault in decoded(parts.faults)]
    return answers


def malformed(why: Exception) -> Malformed:
    """The error for bytes that are no parcel."""
    return Malformed(f"not a parcel of letters: {type(why).__name__}: {why}")


def _taken(messages: list[Iterator[Opened]], kinds: list[int]) -> list[Opened]:
    """The next message of each of these types."""
    if len(messages) == 1:
        return list(islice(messages[0], len(kinds)))
    return [next(messages[kind]) for kind in kinds]
