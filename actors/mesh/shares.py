"""Shares: a long list as several, each of which fits into a frame. No I/O here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from stigmergy.protocols.codec import pack

SHARE: Final = 4 * 1024 * 1024
"""Bytes of one share, unless a single item has more; a frame holds 16 MiB."""


def in_shares(items: Iterable[Any]) -> Iterator[list[Any]]:
    """All items in their order, in lists of 4 MiB at most, or of one item. Raises: Malformed."""
    share: list[Any] = []
    size = 0
    for item in items:
        more = len(pack(item))
        if share and size + more > SHARE:
            yield share
            share, size = [], 0
        share.append(item)
        size += more
    if share:
        yield share
