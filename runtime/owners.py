"""Owners: which program a run belongs to. Once a run has begun its kinds tell; before that, only a name does.

The rule of this file: a run that has not begun is gone on with by the program that made it, or by nobody.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stigmergy.protocols.errors import UsageError

from .run_folder import RunFolder


def this_program() -> str:
    """The file name of the script that Python runs, or the module's; empty where somebody types it in."""
    main = sys.modules.get("__main__")
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name.removesuffix(".__main__"))
    return Path(file).name if file else ""


def owner_in(record: Mapping[str, Any]) -> str:
    """Whose a run is, by its ``run.json``: an app, or a script; empty when nobody knows."""
    return str(record.get("app") or record.get("program") or "")


def described(about: Mapping[str, Any], resumed: RunFolder | None) -> dict[str, Any]:
    """``about`` a run, with the program that makes it; one that is resumed has to be its own. Raises: UsageError."""
    mine = owner_in(about) or this_program()
    if resumed is not None:
        check_owner(resumed, mine, anyway=True)
        return dict(about)
    return dict(about) or {"program": mine}


def check_owner(folder: RunFolder, mine: str, *, anyway: bool, source: str = "") -> None:
    """Raise unless a run is gone on with by its own program, or ``anyway`` by another one after it has begun.

    ``mine`` is the program that would go on, and ``source`` where it was found.

    Raises: UsageError, JournalError.
    """
    owner = owner_in(folder.read("run.json"))
    now = f"{source} is now {mine}" if source else f"this is {mine}"
    if not owner or not mine or owner == mine:
        return
    if not folder.has_begun():
        raise UsageError(
            f"run {folder.id} was made by {owner} and had not begun, and {now}: go on with it in {owner}, or begin "
            "a new run"
        )
    if not anyway:
        raise UsageError(
            f"run {folder.id} was begun by {owner}, and {now}: go on with it in {owner}, or begin a new run; "
            "--anyway goes on all the same"
        )
