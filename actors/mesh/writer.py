"""The writer: letters and answers as parcels, where a link begins. See `wire`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from stigmergy.protocols.codec import pack as encoded
from stigmergy.protocols.errors import Oversized, WireError
from stigmergy.protocols.errors import pack as fault
from stigmergy.protocols.message import Message

from ..volatile.letter import Letter, Talk
from .bodies import MAX_BYTES, Bodies
from .quick import parcels
from .wire import HOPS, WORDS, Answer, Head, Outgoing, Parcel

NAMED: Final = 40
"""Bytes of a head, or of a new word, about."""


class Writer:
    """One direction of a link, where it begins."""

    def __init__(
        self,
        bodies: Bodies,
        ticket: Callable[[Outgoing], int],
        meet: Callable[[Talk], Any],
        chain: Callable[[Letter], list[Any] | None],
        shallow: float,
    ) -> None:
        """``ticket(outgoing)`` is the number under which a question's answer will come.

        ``meet(talk)`` is called for each conversation that goes this way, and returns its parts. ``chain(letter)`` is
        what a watchdog must know of a letter that is more than ``shallow`` hops deep.
        """
        self._chain = chain
        self._shallow = shallow
        self._bodies = bodies
        self._ticket = ticket
        self._meet = meet
        self._words: dict[Any, int] = {}
        self._new: list[Any] = []
        """Words that the other end does not know yet."""
        self._fresh = True

    def parcel(self, letters: list[Outgoing], answers: list[Answer], now: float) -> Parcel:
        """All of these as plain data. It must be sent: the next one builds on it.

        Raises: Oversized when they are too large together; one alone never is.
        """
        unsendable: list[tuple[Outgoing, WireError]] = []
        groups = _grouped(letters, answers)
        try:
            blobs = [self._bodies.packed(messages) for messages in groups.values()]
        except WireError:
            letters, answers, unsendable = self._sorted_out(letters, answers)
            groups = _grouped(letters, answers)
            blobs = [self._bodies.packed(messages) for messages in groups.values()]
        faults = encoded([[ticket, fault(value)] for ticket, value, _ in answers if isinstance(value, BaseException)])
        size = sum(map(len, blobs)) + len(faults)
        if size > MAX_BYTES:
            raise Oversized(f"{size:,} bytes in one parcel are over the limit of {MAX_BYTES:,}")
        if len(self._words) > WORDS:
            self.begin_anew()
        order = {cls: number for number, cls in enumerate(groups)}
        if parcels is None:
            heads, columns = self._columns(letters, order, now)
        else:
            heads, columns = parcels.columns(letters, order, self._words, self._new, self._meet, self._ticket, now)
        deep = [] if self._shallow >= max((head[HOPS] for head in heads), default=0) else self._chains(letters)
        replies = _columns_of(answers, order)
        bodies = [[self._word(cls, cls.message_type), blob] for cls, blob in zip(groups, blobs, strict=True)]
        fresh, self._fresh, words, self._new = self._fresh, False, self._new, []
        size += NAMED * (len(heads) + len(words))
        return Parcel([fresh, words, heads, columns, deep, replies, faults, bodies], size, unsendable)

    def begin_anew(self) -> None:
        """The next parcel builds on none before it."""
        self._words.clear()
        self._new.clear()
        self._fresh = True

    def _columns(
        self, letters: list[Outgoing], order: dict[type[Message], int], now: float
    ) -> tuple[list[Any], list[list[Any]]]:
        """The heads, and the columns: head, recipient, type, number, ticket, patience."""
        heads: list[Any] = []
        columns: list[list[Any]] = [[], [], [], [], [], []]
        in_head, to, kinds, numbers, tickets, patiences = columns
        words, head = self._words, -1
        last: Any = (None,) * len(Head._fields)
        for outgoing in letters:
            name, (message, sender, number, talk, causer, cause, hops, taint, asked, topic) = outgoing
            one, two, three, four, five, six, seven = last
            if not (
                talk is two and sender is one and cause == four and causer is three and taint is six
                and hops == five and topic is seven
            ):  # fmt: skip
                last = (sender, talk, causer, cause, hops, taint, topic)
                heads.append(self._head(*last))
                head += 1
            in_head.append(head)
            word = words.get(name)
            to.append(self._word(name, name) if word is None else word)
            kinds.append(order[type(message)])
            numbers.append(number)
            if asked is None:
                tickets.append(0)
                patiences.append(0)
            else:
                tickets.append(self._ticket(outgoing))
                patiences.append(max(0.0, asked.deadline - now) if asked.deadline > 0 else asked.deadline)
        return heads, columns

    def _chains(self, letters: list[Outgoing]) -> list[list[Any]]:
        """For letters deep in a chain: their places here, and what a watchdog must know of them."""
        shallow, chain = self._shallow, self._chain
        return [[n, chain(letter)] for n, (_, letter) in enumerate(letters) if letter.hops > shallow]

    def _head(
        self, sender: str, talk: Talk, causer: str, cause: int, hops: int, taint: tuple[str, ...], topic: str
    ) -> list[Any]:
        words, word = self._words, self._word
        return [
            word(sender, sender),
            words[talk] if talk in words else word(talk, self._meet(talk)),
            word(causer, causer),
            cause,
            hops,
            taint,
            word(topic, topic),
        ]

    def _word(self, key: Any, word: Any) -> int:
        """The number of a word."""
        number = self._words.get(key)
        if number is None:
            number = self._words[key] = len(self._words)
            self._new.append(word)
        return number

    def _sorted_out(
        self, letters: list[Outgoing], answers: list[Answer]
    ) -> tuple[list[Outgoing], list[Answer], list[tuple[Outgoing, WireError]]]:
        """Letters and answers that can be encoded, and letters that cannot; such an answer becomes an error."""
        good: list[Outgoing] = []
        bad: list[tuple[Outgoing, WireError]] = []
        for outgoing in letters:
            error = self._fault(outgoing[1].message)
            if error is None:
                good.append(outgoing)
            else:
                bad.append((outgoing, error))
        return good, [(ticket, self._fault(value) or value, taint) for ticket, value, taint in answers], bad

    def _fault(self, value: object) -> WireError | None:
        try:
            if isinstance(value, Message):
                self._bodies.packed([value])
        except WireError as error:
            return error
        return None


def _grouped(letters: Iterable[Outgoing], answers: Iterable[Answer]) -> dict[type[Message], list[Message]]:
    """All messages by class, in their order."""
    groups: dict[type[Message], list[Message]] = {}
    for _, letter in letters:
        message = letter[0]
        group = groups.get(type(message))
        if group is None:
            groups[type(message)] = [message]
        else:
            group.append(message)
    for _, value, _ in answers:
        if isinstance(value, Message):
            groups.setdefault(type(value), []).append(value)
    return groups


def _columns_of(answers: list[Answer], order: dict[type[Message], int]) -> list[list[Any]]:
    """Answers that are messages, as columns: ticket, type, origins."""
    tickets: list[Any] = []
    kinds: list[Any] = []
    taints: list[Any] = []
    for ticket, value, taint in answers:
        if isinstance(value, Message):
            tickets.append(ticket)
            kinds.append(order[type(value)])
            taints.append(taint)
    return [tickets, kinds, taints]
