"""Closing: what has to end ends, whatever goes wrong with something else that does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def in_turn(*ends: Callable[[], Awaitable[object]]) -> None:
    """End one thing after another, all of them; then raise what went wrong, see `_raise`."""
    errors: list[BaseException] = []
    for end in ends:
        try:
            await end()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
    _raise(errors)


async def together(*ends: Awaitable[object]) -> None:
    """End things at once, and wait for all of them; then raise what went wrong, see `_raise`."""
    ended = await asyncio.gather(*ends, return_exceptions=True)
    _raise([error for error in ended if isinstance(error, BaseException)])


def _raise(errors: list[BaseException]) -> None:
    """Raise a cancellation, since whoever cancelled waits for it, else the first error; the others are its notes."""
    if not errors:
        return
    said = next((error for error in errors if isinstance(error, asyncio.CancelledError)), errors[0])
    for other in errors:
        if other is not said:
            said.add_note(f"and while other things were closed: {type(other).__name__}: {other}")
    raise said
