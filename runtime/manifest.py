"""The manifest: whether ``run.json`` can be believed, before anybody goes on with what it says.

The rule of this file: of a run whose ``run.json`` is lost or damaged nobody says how it ended, or by whom it was begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import UnionType
from typing import Any, Final

from .run_folder import RunFolder

_ALWAYS: Final[Mapping[str, type]] = {"engine": str, "seed": int}
_OF_A_COMMAND: Final[Mapping[str, type]] = {
    "app": str,
    "argv": list,
    "cwd": str,
    "files": dict,
    "number": int,
    "options": dict,
    "performance": str,
}
_IF_SAID: Final[Mapping[str, type]] = {
    "started": str,
    "ended": str,
    "stop_reason": str,
    "exhausted": str,
    "exit_code": int,
    "figures": dict,
    "versions": dict,
}
_OF_FIGURES: Final[Mapping[str, type | UnionType]] = {
    "messages": int,
    "usd": int | float,
    "stop_reason": str,
    "stop_text": str,
}
_TIMES: Final = ("started", "ended")


def fault_of(run: RunFolder) -> str:
    """What is wrong with a run's ``run.json``, ``is missing`` or ``is damaged``; empty when nothing is."""
    if fault := run.fault("run.json"):
        return fault
    record = run.read("run.json")
    needed = {**_ALWAYS, **(_OF_A_COMMAND if "argv" in record or "app" in record else {})}
    sound = all(isinstance(record.get(name), kind) for name, kind in needed.items())
    fits = _fits(record, _IF_SAID) and _fits(record.get("figures") or {}, _OF_FIGURES)
    return "" if sound and fits and all(_is_time(record[name]) for name in _TIMES if record.get(name)) else "is damaged"


def _fits(record: Mapping[str, Any], kinds: Mapping[str, type | UnionType]) -> bool:
    return all(isinstance(record[name], kind) for name, kind in kinds.items() if record.get(name) is not None)


def _is_time(text: str) -> bool:
    """Whether this is a time of the world, and not of some place: one can be taken from another."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def manifest_of(run: RunFolder) -> dict[str, Any]:
    """What a run's ``run.json`` says; empty unless it can be believed."""
    return {} if fault_of(run) else run.read("run.json")
