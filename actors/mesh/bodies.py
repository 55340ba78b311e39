"""Bodies: what messages say, many of one type as one piece of msgpack, and messages again. No I/O here.

The rule of this file: a body that cannot be encoded, or does not fit its class, spoils no other.

Measured on 1,000 messages of 200 bytes: to pack their fields together costs 0.3 us each, to unpack them 0.3 us, to
validate them as one list 0.7 us, a third of that when they are plain; one by one the three take 5 us.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgpack
from pydantic import TypeAdapter, ValidationError

from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import Malformed, Oversized, StigmergyError, UnknownMessage
from stigmergy.protocols.message import Message, plain, validated
from stigmergy.protocols.plain import read_plain

MAX_BYTES: Final = 12 * 1024 * 1024
"""What one message may have; a batch of a link holds 16 MiB."""

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})

Opened = Message | StigmergyError
"""A message, or what is wrong with its body."""


class Bodies:
    """Packs and opens the messages of the types that a swarm knows."""

    def __init__(self, classes: Iterable[type[Message]]) -> None:
        self._classes = {cls.message_type: cls for cls in classes}
        self._readers: dict[str, TypeAdapter[list[Any]]] = {}
        self._flat: dict[type[Message], bool] = {}

    def packed(self, messages: list[Message]) -> bytes:
        """Messages of one class. Raises: Malformed, Oversized when they cannot be encoded, or not together."""
        cls = type(messages[0])
        flat = self._flat.get(cls)
        if flat is None:
            flat = self._flat[cls] = _is_flat(cls)
        data = pack([message.__dict__ for message in messages] if flat else [plain(message) for message in messages])
        if len(data) > MAX_BYTES:
            raise Oversized(f"a message of {len(data):,} bytes is over the limit of {MAX_BYTES:,}; send a reference")
        return data

    def opened(self, message_type: str, data: bytes) -> tuple[list[Opened], bool]:
        """The inverse of `packed`, validated, and whether all are sound. Raises: Malformed when it is no list."""
        cls = self._classes.get(message_type)
        rows = _rows(data)
        if cls is None:
            error = UnknownMessage(f"no agent of this swarm declares message type {message_type!r:.80}")
            return [error] * len(rows), False
        plain_ones = read_plain(cls, rows)
        if plain_ones is not None:
            return plain_ones, True
        reader = self._readers.get(message_type)
        if reader is None:
            reader = self._readers[message_type] = TypeAdapter(list[cls])  # type: ignore[valid-type] # made at run time
        try:
            messages: list[Opened] = reader.validate_python(rows)
        except ValidationError:
            return [_one(cls, row) for row in rows], False
        return messages, True


def _one(cls: type[Message], row: Any) -> Opened:
    try:
        return validated(cls, row)
    except Malformed as error:
        return error


def _is_flat(cls: type[Message]) -> bool:
    """Whether the fields of a class are what msgpack has types for, as they stand."""
    decorators = cls.__pydantic_decorators__
    if decorators.field_serializers or decorators.model_serializers or decorators.computed_fields:
        return False
    fields = cls.model_fields.values()
    return all(field.annotation in _SCALARS and not field.metadata and not field.exclude for field in fields)


def _rows(data: bytes) -> list[Any]:
    try:
        rows = msgpack.unpackb(data)
    except ValueError:  # a key that is no text, in a message that was never validated: find out in which
        rows = msgpack.unpackb(data, strict_map_key=False, object_pairs_hook=_only_text)
    if type(rows) is not list:
        raise Malformed("not a list of bodies")
    return rows


def _only_text(pairs: list[tuple[Any, Any]]) -> Any:
    """A map whose keys are text; anything else stays a list of pairs, which is no message."""
    return dict(pairs) if all(type(key) is str for key, _ in pairs) else pairs
