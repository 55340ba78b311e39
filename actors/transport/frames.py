"""Frames: what links carry, many in one batch.

A frame is ``(verb, ticket, name, payload)``: verb 0 tells, 1 asks, 2 answers, 3 answers with an error.
"""

from __future__ import annotations

from typing import Any, Final

from stigmergy.protocols.codec import pieces, unpack
from stigmergy.protocols.errors import Malformed, pack

TELL: Final = 0
ASK: Final = 1
ANSWER: Final = 2
ERROR: Final = 3

FIELDS: Final = 4
_ERROR: Final = [str, list]


def is_frame(frame: Any) -> bool:
    """Whether something that came is a frame, so that whoever takes it in need not ask."""
    if type(frame) is not list or len(frame) != FIELDS:
        return False
    verb, ticket, name, payload = frame
    if type(verb) is not int or type(ticket) is not int or type(name) is not str:
        return False
    return TELL <= verb < ERROR or (verb == ERROR and type(payload) is list and [*map(type, payload)] == _ERROR)


def read_each(packed: bytes) -> list[Any]:
    """Frames of which some cannot be unpacked. Whoever waits for one of these is told; nobody else need suffer for it.

    Of an ask the error is the payload, which whoever it came to answers with; an answer becomes one with that error.
    Raises: Malformed when nobody waits.
    """
    return [_read(piece) for piece in pieces(packed)]


def _read(packed: bytes) -> Any:
    try:
        return unpack(packed)
    except Malformed as why:
        verb, ticket, name, *_ = [*map(unpack, pieces(packed)[: FIELDS - 1]), None, None, None]
        if verb == ASK:
            return [ASK, ticket, name, Malformed(f"{name!r:.60} could not be read: {why}")]
        if verb == ANSWER:
            return [ERROR, ticket, name, list(pack(Malformed(f"the answer could not be read: {why}")))]
        raise
