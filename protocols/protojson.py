"""Records that are read and written by the JSON rules of protocol buffers, as A2A uses them.

Names are camelCase on the wire and snake_case in Python; a reader takes both, takes null for absent, and skips
fields it does not know (protobuf.dev/programming-guides/json; A2A 1.0, section 5.7). A writer leaves out what
was never set.

The rule of this file: what comes from outside is data. Text has a length, no control characters, and nobody
interprets it; nested values are plain, finite, and at most 32 deep.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from .errors import InvalidCard

MAX_BYTES: Final = 262_144
"""Largest document that is read or written: 256 KiB, the frame limit of the wire."""
MAX_DEPTH: Final = 32
MAX_ITEMS: Final = 10_000
_MAX_PROBLEMS = 5
_MAX_PLACE = 160

Line = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""One line: 1 to 256 characters, none of them a control character (a terminal would obey it)."""
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=8_192, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+$")
]
"""Prose: 1 to 8,192 characters; line breaks and tabs are the only control characters."""
Uri = Annotated[str, StringConstraints(min_length=1, max_length=2_048, pattern=r"^[^\s\x00-\x1f\x7f-\x9f]+$")]
"""An address or URI: 1 to 2,048 characters without white space. Whether it may be called is not judged here."""


def _unless_empty(value: Any) -> Any:
    return None if value == "" else value


# Some writers put every field there, set or not; protobuf's JSON then has "" for a text that was never set.
MaybeLine = Annotated[Line | None, BeforeValidator(_unless_empty)]
MaybeText = Annotated[Text | None, BeforeValidator(_unless_empty)]
MaybeUri = Annotated[Uri | None, BeforeValidator(_unless_empty)]


def plain(value: Any) -> Any:
    """A deep copy of a JSON value; tuples become lists.

    Raises: ValueError for what JSON cannot say, for more than 10,000 items, or for nesting deeper than 32.
    """
    return _Copier().copy(value, 0)


class _Copier:
    """Counts the items of one value while it copies them."""

    def __init__(self) -> None:
        self._items = 0

    def copy(self, value: Any, depth: int) -> Any:
        self._items += 1
        if self._items > MAX_ITEMS:
            raise ValueError(f"holds more than {MAX_ITEMS:,} items")
        if depth > MAX_DEPTH:
            raise ValueError(f"is nested deeper than {MAX_DEPTH}")
        if isinstance(value, str):
            return self._string(value)
        if isinstance(value, dict):
            return {self._string(key): self.copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.copy(item, depth + 1) for item in value]
        if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
            return value
        raise ValueError(f"holds {value!r:.40}, which JSON cannot say")

    @staticmethod
    def _string(text: Any) -> str:
        if not isinstance(text, str):
            raise ValueError(f"has the key {text!r:.40}; keys are strings")  # noqa: TRY004 - pydantic reads ValueError
        if text.isascii():
            return text
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("holds half of a surrogate pair, which UTF-8 cannot say") from None
        return text


PlainObject = Annotated[dict[str, Any], AfterValidator(plain)]
"""A JSON object whose content is not ours to type (protobuf's Struct)."""


class ProtoRecord(BaseModel):
    """Base of the records. Made in Python it refuses unknown names; read from JSON it skips them."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        defer_build=True,  # a card is one validator with all its records in it, not one for each of them
    )

    def __init__(self, **fields: Any) -> None:
        """Check every field. Raises: InvalidCard."""
        try:
            super().__init__(**fields)
        except ValidationError as why:
            raise InvalidCard(explain(why, type(self).__name__)) from None

    # Says that this __init__ only translates errors, so that pydantic does not call it for every nested record
    # (which would lose the path to the wrong field). pydantic's own RootModel sets the same mark.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data

    @classmethod
    def from_plain(cls, data: Any, where: str = "") -> Self:
        """Read decoded JSON. ``where`` opens the path in errors. Raises: InvalidCard."""
        try:
            return cls.model_validate(data, extra="ignore")
        except ValidationError as why:
            raise InvalidCard(explain(why, cls.__name__, where)) from None

    def to_plain(self) -> dict[str, Any]:
        """As JSON values with the names of the wire; what was never set is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def explain(error: ValidationError, what: str, where: str = "") -> str:
    """What is wrong with ``what``, each problem with the path of its field as it is written on the wire."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    problems = [f"{_path(where, one['loc'])}: {_advice(one['type'], one['msg'])}" for one in found[:_MAX_PROBLEMS]]
    more = f"; and {len(found) - _MAX_PROBLEMS} more" if len(found) > _MAX_PROBLEMS else ""
    return f"{what} is not valid: {'; '.join(problems)}{more}"


def _path(where: str, location: tuple[int | str, ...]) -> str:
    path = where
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    shown = path.lstrip(".")[:_MAX_PLACE] or "the document"
    return "".join(letter if letter.isprintable() else "?" for letter in shown)


def _advice(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing, and required"
    if kind == "too_short":
        return "needs at least 1 element"
    if kind == "string_pattern_mismatch":
        return "holds a character that is not allowed here"
    return message.removeprefix("Value error, ")
