"""Versions of data that outlives the code that wrote it: messages on a wire or in a journal, and agents' states.

A class has a version, and says how the plain data of an earlier one becomes that of the next::

    class Notes(State, version=2):
        texts: list[str]

        @upcasts(1)
        @staticmethod
        def split(plain: dict) -> dict:
            return {"texts": plain["text"].splitlines()}

The rule of this file: data is only ever brought forward, one version at a time; what is newer than the
code is refused, never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from .errors import Malformed, UnknownVersion

Plain = dict[str, Any]
Upcast = Callable[[Plain], Plain]

_MARK: Final = "__stigmergy_upcasts__"


def upcasts(version: int) -> Callable[[Upcast], Upcast]:
    """Mark a static method: it makes the plain data of the next version from that of ``version``."""

    def mark(function: Upcast) -> Upcast:
        setattr(getattr(function, "__func__", function), _MARK, version)
        return function

    return mark


@lru_cache(maxsize=4_000)
def upcasters(cls: type) -> Mapping[int, Upcast]:
    """The functions that `upcasts` has marked in a class and its bases, by the version that they take.

    Worked out once: whoever opens a host asks for each message type of each kind.
    """
    members = [member for owner in reversed(cls.__mro__) for member in vars(owner).values()]
    functions = [member.__func__ for member in members if isinstance(member, staticmethod)]
    return {getattr(function, _MARK): function for function in functions if hasattr(function, _MARK)}


def readable(cls: type, version: int) -> tuple[int, ...]:
    """The earlier versions that a class of ``version`` can read, newest first."""
    known = upcasters(cls)
    oldest = version
    while oldest - 1 in known:
        oldest -= 1
    return tuple(range(version - 1, oldest - 1, -1))


def upcast(cls: type, plain: Any, found: int, version: int, what: str) -> Any:
    """Plain data of version ``found`` as ``version``, which is the class's own.

    Raises: UnknownVersion when it is newer, or no function leads on; Malformed when one of them fails.
    """
    if found > version:
        raise UnknownVersion(f"{what} has version {found}, and {cls.__name__} is version {version}: use newer code")
    known = upcasters(cls)
    for step in range(found, version):
        function = known.get(step)
        if function is None:
            raise UnknownVersion(f"{what} has version {found}: give {cls.__name__} a function @upcasts({step})")
        try:
            plain = function(plain)
        except Exception as why:
            raise Malformed(f"{what}: from version {step} to {step + 1}: {type(why).__name__}: {why}") from why
    return plain
