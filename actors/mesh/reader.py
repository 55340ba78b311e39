"""The reader: letters and answers of parcels, where a link ends. See `wire`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from stigmergy.protocols.codec import unpack as decoded
from stigmergy.protocols.errors import Malformed, unpack

from ..volatile.letter import Talk
from .bodies import Bodies, Opened
from .wire import Answer, Contents, Head


class Reader:
    """One direction of a link, where it ends."""

    def __init__(self, bodies: Bodies, talk: Callable[[list[Any]], Talk]) -> None:
        """``talk(parts)`` is the conversation of that name, as this host knows it."""
        self._bodies = bodies
        self._talk = talk
        self._words: list[Any] = []

    def read(self, payload: Any) -> Contents:
        """What is in a parcel. Raises: Malformed."""
        try:
            return self._contents(payload)
        except (TypeError, ValueError, IndexError, AttributeError, StopIteration) as why:
            raise Malformed(f"not a parcel of letters: {type(why).__name__}: {why}") from None

    def _contents(self, payload: list[Any]) -> Contents:
        fresh, words, heads, columns, deep, replies, faults, bodies = payload
        if fresh:
            self._words.clear()
        known = self._words
        known += [self._talk(word) if type(word) is list else word for word in words]
        types = [known[number] for number, _ in bodies]
        opened = [self._bodies.opened(known[number], data) for number, data in bodies]
        messages = [iter(found) for found, _ in opened]
        met = [
            Head(known[sender], known[talk], known[causer], cause, hops, tuple(taint), known[topic])
            for sender, talk, causer, cause, hops, taint, topic in heads
        ]
        in_head, to, kinds, numbers, tickets, patiences = columns
        letters = zip(
            [met[head] for head in in_head],
            [known[number] for number in to],
            _taken(messages, kinds),
            numbers,
            tickets,
            patiences,
            [types[kind] for kind in kinds],
            strict=True,
        )
        found = list(letters)
        asked, kinds, taints = replies
        answers: list[Answer] = list(zip(asked, _taken(messages, kinds), map(tuple, taints), strict=True))
        answers += [(ticket, unpack(*fault), ()) for ticket, fault in decoded(faults)]
        chains = [(found[number], chain) for number, chain in deep]
        return Contents(found, all(sound for _, sound in opened), answers, chains)


def _taken(messages: list[Iterator[Opened]], kinds: list[int]) -> list[Opened]:
    """The next message of each of these types."""
    if len(messages) == 1:
        return list(islice(messages[0], len(kinds)))
    return [next(messages[kind]) for kind in kinds]
