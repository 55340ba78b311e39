"""The manifest: whether ``run.json`` can be believed, before anybody goes on with what it says.

The rule of this file: of a run whose ``run.json`` is lost or damaged nobody says how it ended, or by whom it was begun.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    "figures": dict,
    "versions": dict,
}


def fault_of(run: RunFolder) -> str:
    """What is wrong with a run's ``run.json``, ``is missing`` or ``is damaged``; empty when nothing is."""
    if fault := run.fault("run.json"):
        return fault
    record = run.read("run.json")
    needed = {**_ALWAYS, **(_OF_A_COMMAND if "argv" in record or "app" in record else {})}
    sound = all(isinstance(record.get(name), kind) for name, kind in needed.items())
    fits = all(isinstance(record[name], kind) for name, kind in _IF_SAID.items() if record.get(name) is not None)
    return "" if sound and fits else "is damaged"


def manifest_of(run: RunFolder) -> dict[str, Any]:
    """What a run's ``run.json`` says; empty unless it can be believed."""
    return {} if fault_of(run) else run.read("run.json")
