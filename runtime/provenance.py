"""Provenance: which program a run comes from. Once a run has begun its kinds tell; before that, only a name does.

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
    """The resolved path of the script or module that Python runs; empty where somebody types it in, as in a notebook.

    A module without a file has its name.
    """
    main = sys.modules.get("__main__")
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if hasattr(sys, "ps1"):  # a prompt; IPython has one too, under whatever program it runs
        return ""
    if file:
        return str(Path(file).resolve())
    return "" if spec is None else str(spec.name.removesuffix(".__main__"))


def owner_in(record: Mapping[str, Any]) -> str:
    """Whose a run is, by its ``run.json``: an app, or a program; empty when nobody knows."""
    return str(record.get("app") or record.get("program") or "")


def shown_owner(record: Mapping[str, Any]) -> str:
    """The same, short enough for people: a path as one would type it here, of one elsewhere its end."""
    return _short(owner_in(record))


def described(about: Mapping[str, Any], resumed: RunFolder | None) -> dict[str, Any]:
    """``about`` a run, with the program that makes it; one that is resumed has to be its own. Raises: UsageError."""
    mine = owner_in(about) or this_program()
    if resumed is not None:
        check_owner(resumed, mine, anyway=True)
        return dict(about)
    return dict(about) if owner_in(about) else {**about, "program": mine}


def check_owner(folder: RunFolder, mine: str, *, anyway: bool, source: str = "") -> None:
    """Raise unless a run is gone on with by its own program, or ``anyway`` by another one after it has begun.

    ``mine`` is the program that would go on, and ``source`` where it was found.

    Raises: UsageError, JournalError.
    """
    owner = owner_in(folder.read("run.json"))
    if not owner or not mine or owner == mine:
        return
    begun = folder.has_begun()
    if begun and anyway:
        return
    if _short(owner) != _short(mine):
        owner, mine = _short(owner), _short(mine)
    now = f"{source} is now {mine}" if source else f"this is {mine}"
    if not begun:
        raise UsageError(
            f"run {folder.id} was made by {owner} and had not begun, and {now}: go on with it in {owner}, or begin "
            "a new run"
        )
    raise UsageError(
        f"run {folder.id} was begun by {owner}, and {now}: go on with it in {owner}, or begin a new run; "
        "--anyway goes on all the same"
    )


def _short(owner: str) -> str:
    path, here = Path(owner), Path.cwd()
    if not path.is_absolute():
        return owner
    return str(path.relative_to(here) if path.is_relative_to(here) else Path(*path.parts[-2:]))
