"""Caps: what a kind may pass to a tool, field by field. A cap looks at a checked value and says what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class Cap(Protocol):
    """A bound on one argument."""

    def objection(self, value: Any) -> str:
        """What is wrong with a value, as in "<field> <objection>"; empty when nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class AtMost:
    """A number up to a bound: ``usd=AtMost(50)``. What cannot be compared with it is refused."""

    most: float

    def objection(self, value: Any) -> str:
        """See `Cap.objection`."""
        try:
            return "" if value <= self.most else f"is {value!r:.40}, and at most {self.most:g} is allowed"
        except TypeError:
            return f"is {value!r:.40}, and a number up to {self.most:g} is allowed"


@dataclass(frozen=True, slots=True, init=False)
class OneOf:
    """One of a few values: ``currency=OneOf("EUR", "USD")``."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "values", values)

    def objection(self, value: Any) -> str:
        """See `Cap.objection`."""
        allowed = ", ".join(map(repr, self.values))
        return "" if value in self.values else f"is {value!r:.40}, and only {allowed:.200} is allowed"


@dataclass(frozen=True, slots=True)
class Matching:
    """Text that a pattern matches from end to end."""

    pattern: str

    def objection(self, value: Any) -> str:
        """See `Cap.objection`."""
        fits = isinstance(value, str) and re.fullmatch(self.pattern, value) is not None
        return "" if fits else f"is {value!r:.40}, and must match {self.pattern!r:.80}"


@dataclass(frozen=True, slots=True)
class Under:
    """An absolute path inside a folder, also after ``..`` and links have been followed.

    A relative one is refused: where it leads depends on the process that opens it.
    """

    folder: str

    def objection(self, value: Any) -> str:
        """See `Cap.objection`."""
        inside = isinstance(value, str | Path) and _inside(Path(self.folder), value)
        return "" if inside else f"is {str(value)!r:.80}, and must be an absolute path inside {self.folder}"


def _inside(folder: Path, value: str | Path) -> bool:
    root = folder.resolve()
    try:
        path = Path(value)
        return path.is_absolute() and path.resolve().is_relative_to(root)
    except (OSError, ValueError):
        return False
