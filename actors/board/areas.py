"""Areas: what of the shared space one can hold a copy of: one trail, one fact, one topic.

The rule it keeps: a copy is the same machine, fed the same entries. So nothing is computed twice in two ways, and a
copy can only be old, never wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Area = tuple[str, str]
"""Part of the space and name there: ``("trails", "pheromone")``, ``("facts", "best")``, ``("topics", "news")``."""

Entry = tuple[str, dict[str, Any]]
"""Kind and data of a change, as in the journal."""

READ_FROM: Final = {
    "trails.read": "trail",
    "trails.baseline": "trail",
    "trails.strongest": "trail",
    "facts.get": "key",
    "topics.read": "topic",
    "topics.last": "topic",
}
"""Operations that read one area, and the argument that names it."""


def area_of(operation: str, arguments: dict[str, Any]) -> Area | None:
    """The area that an operation reads, or None when it reads more than one or something else."""
    argument = READ_FROM.get(operation)
    return None if argument is None else (operation.partition(".")[0], arguments[argument])


def changes_of(entry: Entry) -> Iterator[tuple[Area, Entry]]:
    """The areas that an entry changes, each with the part of the entry that is about it.

    Operation ids are left out: a copy never repeats an operation, so it need not remember them.
    """
    kind, data = entry
    part = kind.partition(".")[0]
    if kind == "facts.write":
        for change in data["changes"]:
            yield ("facts", change[0]), (kind, {"op": "", "writer": data["writer"], "changes": [change]})
    elif part == "trails" and "trail" in data:
        yield ("trails", data["trail"]), (kind, {**data, "op": ""})
    elif kind in {"topics.post", "topics.posts", "topics.series"}:
        yield ("topics", data["topic"]), entry
