"""Forgotten awaits: calls that did nothing because nobody awaited them, in words for whoever wrote them.

The rule of this file: only a line of the user's own is named. Python knows where a call was dropped, and an error
that holds it is dropped by the runtime.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_FORGOTTEN: Final = "was never awaited"
"""How Python's warning ends."""

_OURS: Final = str(Path(__file__).parents[1]) + os.sep


def advice(message: object, category: type[Warning], filename: str, lineno: int) -> str:
    """A sentence about a warning of Python's; empty if it is about something else."""
    if not issubclass(category, RuntimeWarning) or not str(message).endswith(_FORGOTTEN):
        return ""
    place = "" if filename.startswith(_OURS) else f" ({Path(filename).name}:{lineno})"
    return f"{message}, so it did nothing{place}: write await before it"


def logged(logs: Path, since: float) -> list[str]:
    """The sentences in the logs of hosts, each once; of files that were written ``since`` then, in s of the epoch."""
    found: dict[str, None] = {}
    for path in sorted(logs.glob("*.jsonl")):
        with suppress(OSError):
            if path.stat().st_mtime >= since:
                found |= dict.fromkeys(_advices(path))
    return list(found)


def _advices(path: Path) -> Iterator[str]:
    with path.open("rb") as lines:
        for line in lines:
            if _FORGOTTEN.encode() in line:
                with suppress(ValueError):  # a host that was killed leaves half a line
                    yield from filter(None, [json.loads(line).get("advice")])
