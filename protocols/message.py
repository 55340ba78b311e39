"""Messages: frozen pydantic models with a name and a version. Nothing untyped crosses between agents.

A message type is known by ``name@version``. The name is the class name unless the class says
otherwise::

    class Question(Message): ...                         # Question@1
    class Question(Message, name="question", version=2)  # question@2

There is no global list of types: a `MessageTypes` is built from the classes that a swarm's agents
declare, and decodes only those.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from .codec import pack, pack_body, unpack_body
from .errors import Malformed, UnknownMessage, UsageError
from .ids import check_name
from .keys import check_keys, fields_of
from .plain import Quick, make_quick
from .versions import readable, upcast

M = TypeVar("M", bound="Message")

MAX_DEPTH: Final = 64
"""How deep a value is followed before it is refused; the codec's own limit is lower."""

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


class Message(BaseModel, metaclass=Quick):
    """Base of everything that agents send. Subclass it, annotate fields, and that is the wire schema."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    message_type: ClassVar[str] = "Message@1"

    def __init_subclass__(cls, name: str | None = None, version: int = 1, **kwargs: Any) -> None:
        """Give the class its wire name. Raises: InvalidName, UsageError."""
        super().__init_subclass__(**kwargs)
        if version < 1:
            raise UsageError(f"message {cls.__name__}: version {version} is not valid; versions count from 1")
        cls.message_type = f"{check_name(name or cls.__name__, 'message name')}@{version}"

    @property
    def model_fields_set(self) -> set[str]:
        """The names of the fields that were given, in a set of the caller's own."""
        return set(self.__pydantic_fields_set__)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Make whole numbers that stand for a float floats: as if each message had come over a wire."""
        super().__pydantic_init_subclass__(**kwargs)
        whole = [field for field in cls.model_fields.values() if type(field.default) is int and _is_float(field)]
        for field in whole:
            field.default = float(field.default)
        if whole:
            cls.model_rebuild(force=True)
            make_quick(cls)

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        super().__pydantic_on_complete__()
        make_quick(cls)


class Done(Message, name="stigmergy.Done"):
    """The answer to an ask whose handler returned nothing."""


class Text(Message, name="stigmergy.Text"):
    """A plain piece of text, for examples and small jobs."""

    text: str


def _is_float(field: FieldInfo) -> bool:
    kinds = get_args(field.annotation) or (field.annotation,)
    return float in kinds and int not in kinds


def encode(message: Message) -> bytes:
    """The body of a message. Raises: Malformed, Oversized."""
    return pack_body(plain(message))


def addressed(message: Message) -> tuple[str, bytes]:
    """Type and body of what somebody wants to send. Raises: UsageError for what is no message; Malformed, Oversized."""
    return type_of(message), encode(message)


def type_of(message: Message) -> str:
    """The type of what somebody wants to send. Raises: UsageError for what is no message."""
    check_message(message)
    return message.message_type


def check_message(message: object) -> None:
    """Raise UsageError for what is no message.

    Who has many asks first whether ``type(type(message)) is Quick``, as it is of each, and of nothing else.
    """
    if isinstance(message, Message):
        return
    what = f"the class {message.__name__}" if isinstance(message, type) else f"{message!r:.60}"
    raise UsageError(f"{what} is no Message: send an instance of a class of yours that derives from Message")


def check_ask(reply: type[Message], timeout_s: float) -> None:
    """Refuse what no ask can be given. Raises: UsageError."""
    check_reply(reply)
    check_wait(timeout_s)


def check_wait(timeout_s: float) -> None:
    """Refuse what is no time to wait for an answer. Raises: UsageError."""
    if not isinstance(timeout_s, int | float) or isinstance(timeout_s, bool) or not timeout_s > 0:
        raise UsageError(f"timeout_s is {timeout_s!r:.40}; give a number of seconds above 0")


def check_reply(reply: type[Message]) -> None:
    """Refuse what is no type of an answer. Raises: UsageError."""
    if not isinstance(reply, type) or not issubclass(reply, Message):
        raise UsageError(f"reply is {reply!r:.60}; give a class that derives from Message")


def unlike(who: str, found: str, wanted: type[Message]) -> Malformed:
    """The error for an answer of another type than was asked for: what to change."""
    name = found.rpartition("@")[0]
    if found == Done.message_type:
        change = "its handler returned nothing; return one there, or leave out reply="
    elif wanted is Done:
        change = f"name the type with reply={name}"
    else:
        change = f"ask with reply={name}, or return the other one there"
    return Malformed(f"{who} answered with {found}, not {wanted.message_type}: {change}")


def plain(message: Message) -> dict[str, Any]:
    """The fields of a message as msgpack has them. Raises: Malformed."""
    fields = message.__dict__
    for value in fields.values():
        if type(value) not in _PLAIN:
            found: dict[str, Any] = _plain(fields_of(message))
            check_keys(message.message_type, message, partial(validated, type(message), found))
            return found
    return fields


def decode(cls: type[M], body: bytes) -> M:
    """The message in a body, validated. Raises: Malformed, Oversized."""
    return validated(cls, unpack_body(body))


def validated(cls: type[M], fields: Any) -> M:
    """The message that has these fields. Raises: Malformed."""
    try:
        return cls.model_validate(fields)
    except ValidationError as why:
        first = why.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the message"
        raise Malformed(f"{cls.message_type}: {where}: {first['msg']}") from None


def _plain(value: Any, depth: int = 0) -> Any:
    """A value as msgpack has it: bytes stay bytes, dates and the like become text, sets lists in order of their bytes.

    Raises: Malformed.
    """
    if type(value) in _PLAIN or type(value) is bytes:
        return value
    if depth > MAX_DEPTH:
        raise Malformed(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        return {key if type(key) is str else str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_plain(item, depth + 1) for item in value]
        return items if isinstance(value, (list, tuple)) else sorted(items, key=pack)
    try:
        return to_jsonable_python(value)
    except (ValueError, TypeError) as why:
        raise Malformed(f"cannot be encoded: {why}") from None


def reads(cls: type[Message], message_type: str) -> bool:
    """Whether a class takes bodies of that type: its own, or an earlier version that can be brought forward."""
    return message_type == cls.message_type or message_type in older_types(cls)


def older_types(cls: type[Message]) -> tuple[str, ...]:
    """The earlier versions of a message that its class can read, as ``name@version``, newest first."""
    name, _, version = cls.message_type.rpartition("@")
    return tuple(f"{name}@{older}" for older in readable(cls, int(version)))


def decode_as(cls: type[M], message_type: str, body: bytes) -> M:
    """The message in a body of that type, as ``cls``; an earlier version is brought forward.

    Raises: UnknownVersion, Malformed, Oversized.
    """
    if message_type == cls.message_type:
        return decode(cls, body)
    name, _, version = cls.message_type.rpartition("@")
    found_name, _, found = message_type.rpartition("@")
    if found_name != name or not found.isdecimal():
        raise Malformed(f"{message_type} is no {cls.message_type}")
    return validated(cls, upcast(cls, unpack_body(body), int(found), int(version), message_type))


class MessageTypes:
    """The message types that one swarm knows, by ``name@version``."""

    def __init__(self, classes: Iterable[type[Message]] = ()) -> None:
        self._classes: dict[str, type[Message]] = {}
        self._older: dict[str, type[Message]] = {}
        own: tuple[type[Message], ...] = (Done, Text)
        for cls in (*own, *classes):
            self.add(cls)

    def add(self, cls: type[Message]) -> None:
        """Make a class known. Raises: UsageError when another class has the same name and version."""
        known = self._classes.setdefault(cls.message_type, cls)
        same = known is cls or (known.__module__, known.__qualname__) == (cls.__module__, cls.__qualname__)
        if not same and known.model_json_schema() != cls.model_json_schema():
            raise UsageError(
                f"two classes are called {cls.message_type}: {known.__module__}.{known.__qualname__} and "
                f"{cls.__module__}.{cls.__qualname__}; give one of them another name= or version="
            )

        for older in older_types(cls):
            self._older[older] = cls

    def __contains__(self, message_type: str) -> bool:
        return message_type in self._classes or message_type in self._older

    def decode(self, message_type: str, body: bytes) -> Message:
        """The message of that type in a body, as the newest class that reads it.

        Raises: UnknownMessage, UnknownVersion, Malformed, Oversized.
        """
        cls = self._classes.get(message_type) or self._older.get(message_type)
        if cls is None:
            raise UnknownMessage(f"no agent of this swarm declares message type {message_type!r:.80}")
        return decode_as(cls, message_type, body)
