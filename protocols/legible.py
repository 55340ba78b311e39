"""Legible: any value as text that can be encoded and is not too long, whatever others have put into it."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

MOST: Final = 10_000
"""Characters that are kept of a text."""


SHOWN: Final = 3
"""Fields that an error of pydantic names."""


def legible(value: object) -> str:
    """The text of a value: what cannot be encoded is escaped, what is beyond 10,000 characters is cut off."""
    try:
        text = str(value)
    except BaseException as why:  # noqa: BLE001 - __str__ is anybody's code
        text = f"a {type(value).__name__} without a text ({type(why).__name__})"
    if len(text) > MOST:
        text = f"{text[:MOST]}... ({len(text):,} characters)"
    return text.encode(errors="backslashreplace").decode()


def saying(error: BaseException) -> str:
    """The text of an error. Of pydantic's it is one line, with the first three fields and what is wrong with them."""
    if not isinstance(error, ValidationError):
        return legible(error)
    found = error.errors(include_url=False, include_context=False, include_input=False)
    wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in found[:SHOWN])
    more = f"; and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return legible(f"{error.title}: {wrong}{more}")


def scalar(value: object) -> bool | int | float | str:
    """A value as one that msgpack has a type for: itself, or its text."""
    if isinstance(value, (bool, float)) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    return legible(value)
