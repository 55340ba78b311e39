"""Plain messages: those whose fields are all scalars are made in one step, without a validator.

A message is made twice for each ask, and pydantic takes 1.2 us to look at two fields that are right nearly always.
`_plain.c` looks at the exact types of what it is given and fills in the same object, in a fifth of that; whatever is
not exactly as declared goes to pydantic, which converts it or says what is wrong. The rule of this file: a class is
plain only if the schema that pydantic made of it holds nothing but what is named here. Where the C module was not
built, no class is plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel
from pydantic_core import SchemaValidator

try:
    from . import _plain
except ImportError:  # there was no compiler where it was installed
    _plain = None  # type: ignore[assignment]

MOST_FIELDS: Final = 16
"""Messages with more are left to pydantic."""

_TYPES: Final = {"str": str, "int": int, "float": float, "bool": bool, "bytes": bytes}
_SCALARS: Final = frozenset({*_TYPES.values(), type(None)})

_CONFIG: Final = {"allow_inf_nan": False, "extra_fields_behavior": "forbid"}
_MODEL: Final = frozenset({"type", "cls", "config", "custom_init", "metadata", "ref", "root_model", "schema"})
_FIELD: Final = frozenset({"type", "schema", "metadata", "frozen", "serialization_exclude", "serialization_alias"})

_SLOTS: Final = tuple(
    BaseModel.__dict__[name]
    for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)

Field = tuple[str, type, bool, Any]
"""Name, exact type, whether None will do too, and the default; ``...`` without one."""

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass

    Quick = ModelMetaclass
else:

    class Quick(type(BaseModel)):
        """The class of message classes: calling one makes a message by its recipe, if it has one."""

    if _plain is not None:
        _plain.enable(Quick)


def make_quick(cls: type[BaseModel]) -> None:
    """Give a class that is complete its recipe, if it is plain."""
    fields = None if _plain is None else plain_fields(cls)
    if fields is not None:
        _plain.attach(cls, _plain.Recipe(fields, _SLOTS, cls.__pydantic_validator__))


def read_plain(cls: type[BaseModel], rows: list[Any]) -> list[Any] | None:
    """Messages of a class from what msgpack has read, each a dict that it keeps; None unless all are as declared.

    Then pydantic is to look at them: it converts what can be, fills in defaults, or says what is wrong.
    """
    found: list[Any] | None = None if _plain is None else _plain.read(cls, rows)
    return found


def plain_fields(cls: type[BaseModel]) -> tuple[Field, ...] | None:
    """The fields of a class in their order; None when it is not plain."""
    schema: Any = cls.__pydantic_core_schema__
    if type(cls.__pydantic_validator__) is not SchemaValidator:  # a plugin wants to see what is validated
        return None
    if not cls.model_config.get("frozen"):  # its messages share the set of their names
        return None
    if cls.__new__ is not object.__new__ or getattr(cls, "__abstractmethods__", None):
        return None
    if schema["type"] != "model" or not schema.keys() <= _MODEL or schema["custom_init"] or schema["root_model"]:
        return None
    if {**schema["config"], "title": ""} != {**_CONFIG, "title": ""} or schema["schema"]["type"] != "model-fields":
        return None
    declared = schema["schema"]["fields"]
    fields = [_field(name, field) for name, field in declared.items()]
    return None if None in fields or len(fields) > MOST_FIELDS else tuple(filter(None, fields))


def _field(name: str, field: dict[str, Any]) -> Field | None:
    schema, default, nullable = field["schema"], ..., False
    if not field.keys() <= _FIELD:
        return None
    if schema["type"] == "default":
        if schema.keys() != {"type", "schema", "default"} or type(schema["default"]) not in _SCALARS:
            return None
        schema, default = schema["schema"], schema["default"]
    if schema["type"] == "nullable" and schema.keys() == {"type", "schema"}:
        schema, nullable = schema["schema"], True
    exact = _TYPES.get(schema["type"])
    return None if exact is None or schema.keys() != {"type"} else (name, exact, nullable, default)
