"""The wire between hosts: letters and answers as plain data, many at a time, and letters again. No I/O here.

One parcel carries whatever was ready: ``[fresh, words, heads, letters, answers, bodies]``. Names of agents, topics and
types, and conversations, are words: each is sent once per link and is a number from then on, until there are 65,536
and both ends begin anew (``fresh``). What letters of one turn have in common is a head. Letters and answers are
columns. Bodies are packed by type, see `Bodies`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import Malformed, Oversized, WireError, pack, unpack
from stigmergy.protocols.message import Message

from ..volatile.letter import Letter, Talk
from .bodies import MAX_BYTES, Bodies, Opened

WORDS: Final = 65_536
"""Words after which both ends of a link begin anew."""

FAILED: Final = -1
"""The type of an answer that is an error."""

Outgoing = tuple[str, Letter]
"""A letter for another host, and its recipient; of a post the topic."""


class Answer(NamedTuple):
    """What became of a question: its answer, or an error."""

    ticket: int
    value: Message | BaseException
    taint: tuple[str, ...]


class Head(NamedTuple):
    """What letters of one turn have in common."""

    sender: str
    talk: Talk
    causer: str
    cause: int
    hops: int
    taint: tuple[str, ...]
    topic: str


class Incoming(NamedTuple):
    """A letter from another host. Its message may be an error, which says what is wrong with it."""

    head: Head
    to: str
    message: Opened
    type: str
    number: int
    ticket: int
    """Under which its answer is awaited; 0 when it wants none."""
    patience: float
    """Seconds until nobody wants the answer; 0 when it wants none."""


class Parcel(NamedTuple):
    """What goes into one frame."""

    payload: list[Any]
    size: int
    """Bytes of all bodies."""
    unsendable: list[tuple[Outgoing | Answer, WireError]]
    """What cannot be encoded, and why."""


class Writer:
    """One direction of a link, where it begins."""

    def __init__(
        self, bodies: Bodies, ticket: Callable[[Outgoing], tuple[int, float]], meet: Callable[[Talk], Any]
    ) -> None:
        """``ticket(outgoing)`` is the number under which a question's answer will come, and its asker's patience.

        ``meet(talk)`` is called for each conversation that goes this way, and returns its parts.
        """
        self._meet = meet
        self._bodies = bodies
        self._ticket = ticket
        self._words: dict[Any, int] = {}
        self._new: list[Any] = []
        """Words that the other end does not know yet."""
        self._fresh = True

    def parcel(self, letters: list[Outgoing], answers: list[Answer]) -> Parcel:
        """All of these as plain data. It must be sent: the next one builds on it.

        Raises: Oversized when they are too large together; one alone never is.
        """
        unsendable: list[tuple[Outgoing | Answer, WireError]] = []
        groups = self._grouped(letters, answers)
        try:
            blobs = [self._bodies.packed(messages) for messages in groups.values()]
        except WireError:
            letters, answers, unsendable = self._sorted_out(letters, answers)
            groups = self._grouped(letters, answers)
            blobs = [self._bodies.packed(messages) for messages in groups.values()]
        size = sum(map(len, blobs))
        if size > MAX_BYTES:
            raise Oversized(f"{size:,} bytes in one parcel are over the limit of {MAX_BYTES:,}")
        if len(self._words) > WORDS:
            self._words.clear()
            self._new.clear()
            self._fresh = True
        bodies = [[self._word(cls, cls.message_type), blob] for cls, blob in zip(groups, blobs, strict=True)]
        order = {cls: number for number, cls in enumerate(groups)}
        heads, columns = self._columns(letters, order)
        replies = [self._reply(answer, order) for answer in answers]
        fresh, self._fresh, words, self._new = self._fresh, False, self._new, []
        payload = [fresh, words, heads, columns, replies, bodies]
        return Parcel(payload, size, unsendable)

    def _grouped(self, letters: list[Outgoing], answers: list[Answer]) -> dict[type[Message], list[Message]]:
        groups: dict[type[Message], list[Message]] = {}
        for _, letter in letters:
            message = letter.message
            cls = type(message)
            if cls in groups:
                groups[cls].append(message)
            else:
                groups[cls] = [message]
        for answer in answers:
            if isinstance(answer.value, Message):
                groups.setdefault(type(answer.value), []).append(answer.value)
        return groups

    def _columns(self, letters: list[Outgoing], order: dict[type[Message], int]) -> tuple[list[Any], list[list[Any]]]:
        """The heads, and the columns: head, recipient, type, number, ticket, patience."""
        heads: list[Any] = []
        columns: list[list[Any]] = [[], [], [], [], [], []]
        in_head, to, kind, numbers, tickets, patiences = columns
        words, last = self._words, None
        for outgoing in letters:
            name, (message, sender, number, talk, causer, cause, hops, taint, asked, topic) = outgoing
            head = (sender, talk, causer, cause, hops, taint, topic)
            if head != last:
                last = head
                heads.append(self._head(*head))
            in_head.append(len(heads) - 1)
            word = words.get(name)
            to.append(self._word(name, name) if word is None else word)
            kind.append(order[type(message)])
            numbers.append(number)
            if asked is not None:
                ticket, patience = self._ticket(outgoing)
                tickets.append(ticket)
                patiences.append(patience)
            else:
                tickets.append(0)
                patiences.append(0)
        return heads, columns

    def _head(
        self, sender: str, talk: Talk, causer: str, cause: int, hops: int, taint: tuple[str, ...], topic: str
    ) -> list[Any]:
        return [
            self._word(sender, sender), self._word_of(talk), self._word(causer, causer), cause, hops,
            taint, self._word(topic, topic),
        ]  # fmt: skip

    def _reply(self, answer: Answer, order: dict[type[Message], int]) -> list[Any]:
        if isinstance(answer.value, Message):
            return [answer.ticket, order[type(answer.value)], answer.taint]
        return [answer.ticket, FAILED, pack(answer.value)]

    def _word_of(self, talk: Talk) -> int:
        number = self._words.get(talk)
        return self._word(talk, self._meet(talk)) if number is None else number

    def _word(self, key: Any, word: Any) -> int:
        """The number of a word."""
        number = self._words.get(key)
        if number is None:
            number = self._words[key] = len(self._words)
            self._new.append(word)
        return number

    def _sorted_out(
        self, letters: list[Outgoing], answers: list[Answer]
    ) -> tuple[list[Outgoing], list[Answer], list[tuple[Outgoing | Answer, WireError]]]:
        """What can be encoded, and what cannot."""
        faults: list[tuple[Outgoing | Answer, WireError]] = []
        good: list[Outgoing] = []
        for outgoing in letters:
            error = self._fault(outgoing[1].message)
            if error is None:
                good.append(outgoing)
            else:
                faults.append((outgoing, error))
        fine: list[Answer] = []
        for answer in answers:
            error = self._fault(answer.value)
            if error is not None:
                faults.append((answer, error))
            fine.append(answer if error is None else answer._replace(value=error))
        return good, fine, faults

    def _fault(self, value: Message | BaseException) -> WireError | None:
        try:
            if isinstance(value, Message):
                self._bodies.packed([value])
        except WireError as error:
            return error
        return None


class Reader:
    """One direction of a link, where it ends."""

    def __init__(self, bodies: Bodies, talk: Callable[[list[Any]], Talk]) -> None:
        """``talk(parts)`` is the conversation of that name, as this host knows it."""
        self._bodies = bodies
        self._talk = talk
        self._words: list[Any] = []

    def read(self, payload: Any) -> tuple[Iterator[Incoming], Iterator[Answer]]:
        """What is in a parcel; the letters are to be read first. Raises: Malformed, also while they are read."""
        try:
            fresh, words, heads, columns, replies, bodies = payload
            if fresh:
                self._words.clear()
            self._words += [self._talk(word) if type(word) is list else word for word in words]
            types = [self._words[number] for number, _ in bodies]
            opened = [iter(self._bodies.opened(self._words[number], data)) for number, data in bodies]
            known = [self._head(*head) for head in heads]
            return self._letters(known, columns, types, opened), self._answers(replies, opened)
        except (TypeError, ValueError, IndexError, AttributeError) as why:
            raise Malformed(f"not a parcel of letters: {why}") from None

    def _head(self, sender: int, talk: int, causer: int, cause: int, hops: int, taint: list[str], topic: int) -> Head:
        words = self._words
        return Head(words[sender], words[talk], words[causer], cause, hops, tuple(taint), words[topic])

    def _letters(
        self, heads: list[Head], columns: list[list[Any]], types: list[str], opened: list[Iterator[Opened]]
    ) -> Iterator[Incoming]:
        words, make = self._words, tuple.__new__
        try:
            for head, to, kind, number, ticket, patience in zip(*columns, strict=True):
                message = next(opened[kind])
                yield make(Incoming, (heads[head], words[to], message, types[kind], number, ticket, patience))
        except (TypeError, ValueError, IndexError, StopIteration) as why:
            raise Malformed(f"not a parcel of letters: {why}") from None

    def _answers(self, replies: list[Any], opened: list[Iterator[Opened]]) -> Iterator[Answer]:
        try:
            for ticket, kind, rest in replies:
                if kind == FAILED:
                    yield Answer(ticket, unpack(*rest), ())
                else:
                    yield Answer(ticket, next(opened[kind]), tuple(rest))
        except (TypeError, ValueError, IndexError, StopIteration) as why:
            raise Malformed(f"not a parcel of letters: {why}") from None
