"""Options: an app's pydantic model as flags of the command line, and back.

``route_only: bool`` is ``--route-only/--no-route-only``, a list is a flag that may be repeated, a
`Literal` or an enum has choices. Every value is checked by pydantic, and by nobody else.
"""

from __future__ import annotations

import argparse
import types
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stigmergy.protocols.errors import UsageError

_LISTS: Final = (list, tuple, set, frozenset)
_PLAIN: Final = (str, int, float, Path)


class Shape(NamedTuple):
    """What a field asks for on the command line."""

    base: Any
    many: bool
    choices: dict[str, Any] | None
    """Choices as they are typed, with their values."""


def flag_of(name: str) -> str:
    """``route_only`` is ``--route-only``."""
    return "--" + name.replace("_", "-")


def add_options(group: argparse._ArgumentGroup, model: type[BaseModel], taken: Sequence[str]) -> None:
    """Add a flag for every field. Raises: UsageError when one has the name of a flag that is ``taken``."""
    for name, field in model.model_fields.items():
        flag = flag_of(name)
        if flag in taken:
            raise UsageError(f"the app's option {name!r} is also an option of stigmergy run ({flag}); rename it")
        shape = _shape(model, name, field)
        settings: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": _help(field, shape)}
        if shape.base is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, **settings)
            continue
        settings["metavar"] = "{" + ",".join(shape.choices) + "}" if shape.choices else _metavar(shape.base)
        if shape.choices:
            settings["choices"] = list(shape.choices)
        group.add_argument(flag, action="append" if shape.many else "store", **settings)


def read_options(model: type[BaseModel], given: argparse.Namespace) -> BaseModel:
    """The options, from the flags that were given. Raises: UsageError that names the flag."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if not hasattr(given, name):
            continue
        shape, typed = _shape(model, name, field), getattr(given, name)
        if shape.choices:
            typed = [shape.choices[one] for one in typed] if shape.many else shape.choices[typed]
        values[field.alias or name] = typed
    try:
        return model.model_validate(values)
    except ValidationError as why:
        raise UsageError(_first(why, model)) from None


def _first(why: ValidationError, model: type[BaseModel]) -> str:
    """The first complaint in one line."""
    error = why.errors(include_url=False)[0]
    if not error["loc"]:
        return f"the options do not fit together: {_sentence(error['msg'])}"
    place = str(error["loc"][0])
    name = next((name for name, field in model.model_fields.items() if field.alias == place), place)
    if error["type"] == "missing":
        description = model.model_fields[name].description if name in model.model_fields else ""
        return f"{flag_of(name)} is missing" + (f": {description}" if description else "")
    return f"{flag_of(name)} {error['input']!s:.60}: {_sentence(error['msg'])}"


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return message[:1].lower() + message[1:]


def _shape(model: type[BaseModel], name: str, field: FieldInfo) -> Shape:
    """Raises: UsageError for a type that no flag can carry."""
    base, many = _bare(field.annotation), False
    if (get_origin(base) or base) in _LISTS:
        base, many = _bare((get_args(base) or (str,))[0]), True
    choices: dict[str, Any] | None = None
    if get_origin(base) is Literal:
        choices = {str(value): value for value in get_args(base)}
    elif isinstance(base, type) and issubclass(base, Enum):
        choices = {str(member.value): member.value for member in base}
    elif get_origin(base) is dict or (isinstance(base, type) and issubclass(base, BaseModel | dict)):
        raise UsageError(f"option {name!r} of {model.__name__} cannot be a flag; use str, Path, a number, bool or list")
    return Shape(base, many, choices)


def _bare(annotation: Any) -> Any:
    """The type without ``| None`` and without what `Annotated` adds."""
    if hasattr(annotation, "__metadata__"):
        return _bare(annotation.__origin__)
    if get_origin(annotation) in {Union, types.UnionType}:
        others = [one for one in get_args(annotation) if one is not type(None)]
        return _bare(others[0]) if len(others) == 1 else str
    return annotation


def _metavar(base: Any) -> str:
    names = {int: "N", float: "X", Path: "PATH"}
    return names.get(base, "TEXT") if base in _PLAIN else "VALUE"


def _help(field: FieldInfo, shape: Shape) -> str:
    text = field.description or ""
    default = field.default
    if field.is_required():
        text += " (required)"
    elif shape.base is bool:
        text += " (default: on)" if default else ""
    elif default is not PydanticUndefined and default not in (None, "", (), []):
        text += f" (default: {default})"
    return text.strip().replace("%", "%%")  # argparse formats it
