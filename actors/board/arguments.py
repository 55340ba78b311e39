"""Arguments: what the operations of the blackboard take, and a search of the registry.

The rule of this file: what comes off a wire is looked at before anything of it is written down, so no entry is in the
journal that a machine cannot carry out, now or when it is replayed. What a value means, a machine checks itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import UsageError

LARGEST: Final = 10**18
"""No whole number is larger, so that what is worked out from it fits the 64 bits of a msgpack integer."""

_TEXTS_ONLY: Final = frozenset({str})
_NUMBERS_ONLY: Final = frozenset({int, float})


class Sort(NamedTuple):
    """A sort of values."""

    takes: Callable[[Any], bool]
    named: str
    required: bool = True


def _optional(sort: Sort) -> Sort:
    """An argument that may be left out."""
    return sort._replace(required=False)


def _or_none(sort: Sort) -> Sort:
    """An argument that may be left out, or be None."""
    return Sort(lambda value: value is None or sort.takes(value), f"{sort.named}, or None", required=False)


def _is_number(value: Any) -> bool:
    return type(value) in _NUMBERS_ONLY and -inf < value < inf


def _are_texts(values: Any) -> bool:
    return type(values) is list and _TEXTS_ONLY.issuperset(map(type, values))


def _are_amounts(values: Any) -> bool:
    """Numbers by text; which numbers may be, trails say themselves."""
    texts = type(values) is dict and _TEXTS_ONLY.issuperset(map(type, values))
    return texts and _NUMBERS_ONLY.issuperset(map(type, values.values()))


def _is_rule(values: Any) -> bool:
    return _are_amounts(values) and values.keys() <= {"evaporation", "baseline", "floor", "ceiling"}


_ANY: Final = Sort(lambda _: True, "a value")
_TEXT: Final = Sort(lambda value: type(value) is str, "text")
_TEXTS: Final = Sort(_are_texts, "a list of texts")
_BYTES: Final = Sort(lambda value: type(value) is bytes, "bytes, for example text.encode()")
_WHOLE: Final = Sort(lambda value: type(value) is int and -LARGEST <= value <= LARGEST, "a whole number up to 10^18")
_NUMBER: Final = Sort(_is_number, "a finite number")
_AMOUNTS: Final = Sort(_are_amounts, "numbers by text")
_RULE: Final = Sort(_is_rule, "numbers for evaporation, baseline, floor and ceiling")

_TRAIL: Final = {"trail": _TEXT, "now": _or_none(_NUMBER)}
_ITEM: Final = {"queue": _TEXT, "item": _TEXT}
_CLAIM: Final = {**_ITEM, "token": _WHOLE}

TAKEN: Final[Mapping[str, Mapping[str, Sort]]] = {
    "facts.get": {"key": _TEXT},
    "facts.keys": {"prefix": _optional(_TEXT), "limit": _optional(_WHOLE)},
    "facts.put": {"key": _TEXT, "value": _ANY, "expect": _or_none(_WHOLE)},
    "facts.delete": {"key": _TEXT, "expect": _or_none(_WHOLE)},
    "trails.read": {**_TRAIL, "keys": _or_none(_TEXTS), "prefix": _optional(_TEXT)},
    "trails.baseline": _TRAIL,
    "trails.strongest": {**_TRAIL, "n": _WHOLE},
    "trails.defined": {"trail": _TEXT},
    "trails.define": {**_TRAIL, "rule": _optional(_RULE)},
    "trails.deposit": {**_TRAIL, "amounts": _AMOUNTS},
    "trails.blend": {**_TRAIL, "keys": _TEXTS, "toward": _NUMBER, "rate": _NUMBER},
    "claims.peek": {"queue": _TEXT, "limit": _optional(_WHOLE)},
    "claims.depth": {"queue": _TEXT},
    "claims.offer": {**_ITEM, "payload": _BYTES, "priority": _optional(_WHOLE)},
    "claims.take": {"queue": _TEXT, "epoch": _WHOLE, "lease_s": _optional(_NUMBER), "item": _optional(_TEXT)},
    "claims.renew": _CLAIM,
    "claims.complete": _CLAIM,
    "claims.fail": {**_CLAIM, "reason": _TEXT},
    "topics.read": {"topic": _TEXT, "after": _optional(_WHOLE), "limit": _optional(_WHOLE)},
    "topics.last": {"topic": _TEXT},
    "topics.subscribe": {"topic": _TEXT, "subscriber": _optional(_TEXT), "after": _or_none(_WHOLE)},
    "topics.unsubscribe": {"topic": _TEXT},
}
"""By operation of the blackboard: the arguments that it takes."""

_TAKEN: Final = {
    **TAKEN,
    "find": {
        **dict.fromkeys(("skill", "tag", "accepts"), _or_none(_TEXT)),
        "healthy": _optional(Sort(lambda value: type(value) is bool, "True or False")),
        "order_by": _optional(_TEXT),
        "limit": _or_none(_WHOLE),
    },
}


def checked(operation: str, arguments: Any) -> dict[str, Any]:
    """The arguments of an operation, if it takes these. Raises: UsageError."""
    if type(arguments) is not dict:
        raise UsageError(f"{operation} is given {arguments!r:.80}; give its arguments by name")
    sorts = _TAKEN[operation]
    if not arguments.keys() <= sorts.keys():
        other = next(name for name in arguments if name not in sorts)
        raise UsageError(f"{operation} takes no {other!r:.40}; it takes {', '.join(sorts)}")
    for name, sort in sorts.items():
        if name not in arguments:
            if sort.required:
                raise UsageError(f"{operation} has no {name}; give {sort.named}")
        elif not sort.takes(arguments[name]):
            raise UsageError(f"{operation}: {name} is {arguments[name]!r:.80}; give {sort.named}")
    return arguments
