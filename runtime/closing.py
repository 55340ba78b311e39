"""Closing: what has to end ends, whatever goes wrong with something else that does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def in_turn(*ends: Callable[[], Awaitable[object]]) -> None:
    """End one thing after another, all of them; then raise the first error."""
    errors: list[BaseException] = []
    for end in ends:
        try:
            await end()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
    if errors:
        raise errors[0]


async def together(*ends: Awaitable[object]) -> None:
    """End things at once, and wait for all of them; then raise the first error."""
    for error in await asyncio.gather(*ends, return_exceptions=True):
        if isinstance(error, BaseException):
            raise error
