"""Packing: bytes that stand for any value, however large or odd it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
from pydantic import BaseModel
from pydantic_core import to_jsonable_python


def packer() -> Callable[[Any], bytes]:
    """What gives the bytes that stand for a value. There are some for any: it is on its way to a handler."""
    pack: Callable[[Any], bytes] = msgpack.Packer(autoreset=True, default=_plain, unicode_errors="surrogatepass").pack

    def packed(value: Any) -> bytes:
        try:
            return pack(value)
        except (ValueError, TypeError, OverflowError, RecursionError):  # nested too deep, or longer than can be said
            return pack(f"<{type(value).__qualname__}>")

    return packed


def _plain(value: Any) -> Any:
    """What msgpack has no type for, as something that it has one for, and that does not depend on the process."""
    if isinstance(value, BaseModel):
        return value.__dict__
    if isinstance(value, set | frozenset):
        return sorted(msgpack.packb(each, default=_plain, unicode_errors="surrogatepass") for each in value)
    if isinstance(value, int):  # wider than 64 bits
        return hex(value)
    return to_jsonable_python(value, fallback=lambda strange: type(strange).__qualname__)
