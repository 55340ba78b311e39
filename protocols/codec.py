"""Plain values as bounded msgpack bytes, and back. Nothing is ever unpickled.

The rule of this file: whatever the bytes are, decoding ends in a value or in one `WireError`.
Limits (sizes from measurement: 8 MB of empty maps became 475 MiB of memory): a body 256 KiB,
10,000 items, depth 32.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final, TypeVar

import msgpack

from .errors import Malformed, Oversized

V = TypeVar("V")

MAX_BODY_BYTES: Final = 256 * 1024
MAX_ITEMS: Final = 10_000
MAX_DEPTH: Final = 32
MAX_BATCH_BYTES: Final = 64 * 1024 * 1024
"""What one call between processes may carry; only our own processes send these."""

_UNPACKABLE: Final = (TypeError, ValueError, OverflowError, RecursionError, UnicodeEncodeError)
# StackError and ExtraData are ValueErrors; so is a UnicodeDecodeError.
_UNREADABLE: Final = (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException)
_ODD_KEY: Final = re.compile(r"(\w+) is not allowed for map key")
_SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})


def pack(value: Any) -> bytes:
    """Encode a plain value. Raises: Malformed when it holds anything msgpack has no type for."""
    try:
        packed: bytes = msgpack.packb(value)
    except _UNPACKABLE as why:
        raise _malformed(why) from None
    return packed


def _malformed(why: Exception) -> Malformed:
    return Malformed(f"cannot be encoded: {why}; plain data is text, numbers, bytes, lists, dicts")


def check(value: V, what: str) -> V:
    """The value, if another process could unpack it; refused where it is known ``what`` it is. Raises: Malformed."""
    try:
        _unpack(pack(value))
    except Malformed as why:
        raise Malformed(f"{what}: {why}") from None
    return value


class Packer:
    """Encodes many values one after another, for one thread: it keeps what `pack` makes anew for each."""

    def __init__(self) -> None:
        self._packer = msgpack.Packer()

    def pack(self, value: Any) -> bytes:
        """See `pack`."""
        try:
            packed: bytes = self._packer.pack(value)
        except _UNPACKABLE as why:
            raise _malformed(why) from None
        return packed

    def array(self, packed: list[bytes]) -> bytes:
        """An array of values that are packed already."""
        head: bytes = self._packer.pack_array_header(len(packed))
        return head + b"".join(packed)


def pack_body(value: Any) -> bytes:
    """Encode what a message carries, within the limits for messages. Raises: Malformed, Oversized."""
    body = pack(value)
    if len(body) > MAX_BODY_BYTES:
        raise Oversized(f"a message of {len(body):,} bytes is over the limit of {MAX_BODY_BYTES:,}; send a reference")
    return body


def unpack_body(body: bytes) -> Any:
    """Decode what a message carried, within the limits for messages. Raises: Malformed, Oversized."""
    if len(body) > MAX_BODY_BYTES:
        raise Oversized(f"a message of {len(body):,} bytes is over the limit of {MAX_BODY_BYTES:,}")
    value = _unpack(body)
    _check_shape(value)
    return value


def unpack(data: bytes) -> Any:
    """Decode what one of our own processes packed. Raises: Malformed, Oversized."""
    if len(data) > MAX_BATCH_BYTES:
        raise Oversized(f"a batch of {len(data):,} bytes is over the limit of {MAX_BATCH_BYTES:,}")
    return _unpack(data)


def pieces(data: bytes) -> list[bytes]:
    """The items of a packed array, each as it was packed, whether or not it can be unpacked. Raises: Malformed."""
    reader = msgpack.Unpacker(max_buffer_size=MAX_BATCH_BYTES)
    try:
        reader.feed(data)
        number = reader.read_array_header()
        ends = [reader.tell()]
        for _ in range(number):
            reader.skip()
            ends.append(reader.tell())
        if ends[-1] != len(data):
            raise Malformed("not valid msgpack: something follows it")
        return [data[at:end] for at, end in pairwise(ends)]
    except _UNREADABLE as why:
        raise _unreadable(why) from None


def _unpack(data: bytes) -> Any:
    try:
        return msgpack.unpackb(data, ext_hook=_refuse_extension, use_list=True)
    except _UNREADABLE as why:
        raise _unreadable(why) from None


def _unreadable(why: Exception) -> Malformed:
    found = _ODD_KEY.match(str(why))
    if found is not None:
        return Malformed(f"map keys must be text, not {found[1]}")
    return Malformed(f"not valid msgpack ({type(why).__name__}: {why})")


def _refuse_extension(code: int, _data: bytes) -> Any:
    raise ValueError(f"extension type {code} is not allowed")


def _check_shape(value: Any) -> None:
    """Walk containers level by level; flat values, the common case, cost one pass."""
    level, items = [value], 0
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for holder in level:
            if type(holder) is dict:
                items += len(holder)
                if not all(type(key) is str for key in holder):
                    raise Malformed("map keys must be text")
                below += [v for v in holder.values() if type(v) not in _SCALARS]
            elif type(holder) is list:
                items += len(holder)
                below += [v for v in holder if type(v) not in _SCALARS]
            elif type(holder) not in _SCALARS:
                raise Malformed(f"values of type {type(holder).__name__} are not allowed")
        if items > MAX_ITEMS:
            raise Oversized(f"more than {MAX_ITEMS:,} items in one message")
        if not below:
            return
        level = below
    raise Malformed(f"nested deeper than {MAX_DEPTH}")
