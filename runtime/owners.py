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
        _check(resumed, owner_in(resumed.read("run.json")), mine)
        return dict(about)
    return dict(about) or {"program": mine}


def _check(folder: RunFolder, owner: str, mine: str) -> None:
    if owner and mine and owner != mine and not folder.has_begun():
        raise UsageError(
            f"run {folder.id} was made by {owner} and had not begun, and this is {mine}: go on with it in {owner}, or "
            f"begin a new run"
        )
