"""States as bytes: what a journal keeps of an agent, with the version of the class that wrote it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticSerializationError

from stigmergy.protocols import codec
from stigmergy.protocols.errors import Malformed, UsageError
from stigmergy.protocols.keys import check_keys
from stigmergy.protocols.legible import saying
from stigmergy.protocols.versions import readable, upcast


class State(BaseModel):
    """Base of what an agent remembers. Assign to its fields; what changed is kept when the turn commits.

    ``class Notes(State, version=2)`` says that the fields changed; functions marked with `upcasts` bring states of
    earlier versions forward. Without it a state has version 1.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    state_version: ClassVar[int] = 1

    def __init_subclass__(cls, version: int | None = None, **kwargs: Any) -> None:
        """Note the version. Raises: UsageError."""
        super().__init_subclass__(**kwargs)
        if version is not None:
            if version < 1:
                raise UsageError(f"state {cls.__name__}: version {version} is not valid; versions count from 1")
            cls.state_version = version

    def __delattr__(self, name: str) -> None:
        """Refuse to be left without a field. Raises: UsageError."""
        if name in type(self).model_fields:
            raise UsageError(f"{type(self).__name__}.{name} cannot be deleted: assign what it shall hold")
        super().__delattr__(name)


def version_of(cls: type[BaseModel]) -> int:
    """The version of a state class."""
    return cls.state_version if issubclass(cls, State) else 1


def pack_state(state: BaseModel) -> bytes:
    """A state for the journal. Version 1 is written as it is, later ones as ``[version, state]``.

    Raises: UsageError when a handler has put something into it that no field of it can hold; Malformed when it would be
        read back with other keys.
    """
    cls = type(state)
    try:
        version, plain = version_of(cls), state.model_dump(mode="json")
    except PydanticSerializationError as why:
        raise UsageError(f"the state {cls.__name__} cannot be kept: {saying(why)}") from None
    packed = codec.pack(plain if version == 1 else [version, plain])
    check_keys(f"the state {cls.__name__}", state, lambda: read_state(cls, packed, cls.__name__))
    return packed


def read_state(cls: type[BaseModel], data: bytes, who: str) -> BaseModel:
    """A state from the journal, brought forward to the class's version.

    Raises: UnknownVersion, Malformed when it does not fit.
    """
    kept = codec.unpack(data)
    found, plain = kept if isinstance(kept, list) else (1, kept)
    plain = upcast(cls, plain, found, version_of(cls), f"the state of {who}")
    try:
        return cls.model_validate(plain)
    except ValidationError as why:
        first = why.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise Malformed(f"the state of {who} does not fit {cls.__name__}: {where}: {first['msg']}") from None


def describe_state(cls: type[BaseModel]) -> dict[str, Any]:
    """What a kind's record says of its state, so that a later class can be compared with it."""
    version = version_of(cls)
    return {"version": version, "reads": list(readable(cls, version)), "schema": _schema_of(cls)}


@lru_cache(maxsize=1_000)
def _schema_of(cls: type[BaseModel]) -> dict[str, Any]:
    """The schema of a class, never to be changed. Working it out takes a millisecond, and every swarm asks again."""
    return cls.model_json_schema()
