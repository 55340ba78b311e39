"""The wire between hosts: letters and answers as plain data, many at a time, and letters again. No I/O here.

One parcel carries whatever was ready: ``[fresh, words, heads, letters, chains, answers, faults, bodies]``. Names of
agents, topics and types, and conversations, are words: each is sent once per link and is a number from then on, until
there are 65,536 and both ends begin anew (``fresh``). What letters of one turn have in common is a head. Letters and
answers are columns. What is deep in a chain takes along what the watchdog knows of it. Bodies are packed by type, see
`Bodies`; so are the errors that are answers.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import WireError

from ..volatile.letter import Letter, Talk
from .bodies import Opened

WORDS: Final = 65_536
"""Words after which both ends of a link begin anew."""

Outgoing = tuple[str, Letter]
"""A letter for another host, and its recipient, which is empty for whoever follows its topic."""

Answer = tuple[int, Opened | BaseException, tuple[str, ...]]
"""What became of a question: the ticket that it had, its answer or an error, and where its content came from."""


HOPS: Final = 4
"""Where a head has its hops."""


class Head(NamedTuple):
    """What letters of one turn have in common."""

    sender: str
    talk: Talk
    causer: str
    cause: int
    hops: int
    taint: tuple[str, ...]
    topic: str


Incoming = tuple[Head, str, Opened, int, int, float, str]
"""A letter from another host: its head and recipient, its message or what is wrong with it, its number, the ticket
under which its answer is awaited (0 when none is), for how many more seconds, and its type."""


class Parcel(NamedTuple):
    """What goes into one frame."""

    payload: list[Any]
    size: int
    """Bytes of all bodies and errors, and about those of what is named."""
    unsendable: list[tuple[Outgoing, WireError]]
    """Letters that cannot be encoded, and why."""


class Contents(NamedTuple):
    """What came in one."""

    letters: list[Incoming]
    sound: bool
    """Whether all messages are as they should be."""
    answers: list[Answer]
    chains: list[tuple[Incoming, list[Any] | None]]
    """Letters deep in a chain, and what the watchdog of their sender knew."""
