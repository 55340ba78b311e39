"""Frames: what links carry, many in one batch.

A frame is ``(verb, ticket, name, payload)``: verb 0 tells, 1 asks, 2 answers, 3 answers with an error.
"""

from __future__ import annotations

from typing import Any, Final

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
