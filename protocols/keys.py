"""Keys of maps that are no text. On a wire and in a journal all of them are, so some would come back as others.

A field typed ``dict[int, X]`` makes ``"1"`` a number again; an untyped ``dict`` leaves it text, and makes one key of
``1`` and ``"1"``. The rule of this file: what would not come back with the keys that it has is refused before it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel

from .errors import Malformed

_TEXT: Final = frozenset({str})
_SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})
_COME_BACK: Final = frozenset({"str", "int", "float"})
"""Types of keys, as pydantic's schemas call them, that are read back from text as they were."""


def fields_of(model: BaseModel) -> dict[str, Any]:
    """The fields of a model by name, plain but for values that only Python has."""
    return model.model_dump(mode="python", by_alias=False, warnings=False)


def check_keys(what: str, model: BaseModel, again: Callable[[], BaseModel]) -> None:
    """Refuse a model that ``again`` would bring back with other keys. Raises: Malformed, and as ``again``."""
    if not (_may_change(type(model)) and _has_others(model.__dict__.values())):
        return
    after = fields_of(again())
    for name, value in fields_of(model).items():
        for key in _lost(value, after.get(name)):
            raise Malformed(
                f"{what}: {name}: key {key!r:.60} would come back as other than it is: use text, or a field that says "
                "what its keys are, for example dict[int, str]"
            )


@lru_cache(maxsize=1_000)
def _may_change(cls: Any) -> bool:
    """Whether a field of a class can have keys that it does not read back; others cost nothing more."""
    return _is_open(cls.__pydantic_core_schema__)


def _is_open(schema: Any) -> bool:
    if isinstance(schema, list | tuple):
        return any(map(_is_open, schema))
    if not isinstance(schema, dict):
        return False
    keys = schema.get("keys_schema")
    if schema.get("type") == "any" or (keys is not None and keys["type"] not in _COME_BACK):
        return True
    return any(map(_is_open, schema.values()))


def _has_others(values: Iterable[Any]) -> bool:
    for value in values:
        if type(value) in _SCALARS:
            continue
        if isinstance(value, dict):
            if not _TEXT.issuperset(map(type, value)) or _has_others(value.values()):
                return True
        elif isinstance(value, list | tuple):
            if not _SCALARS.issuperset(map(type, value)) and _has_others(value):
                return True
        elif (isinstance(value, BaseModel) or is_dataclass(value)) and _has_others(value.__dict__.values()):
            return True
    return False


def _lost(before: Any, after: Any) -> Iterator[Any]:
    """Keys that a value had and what came back has not."""
    if isinstance(before, dict):
        kept = after if isinstance(after, dict) else {}
        for key, item in before.items():
            if key in kept:
                yield from _lost(item, kept[key])
            else:
                yield key
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        for one, other in zip(before, after, strict=False):
            yield from _lost(one, other)
