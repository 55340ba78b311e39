"""Fitting results: whether a tool could have returned what a person says that it did.

The rule of this file: only the run's own app knows. Where it cannot be loaded, nothing is refused.
"""

from __future__ import annotations

import sys
from contextlib import chdir, redirect_stdout
from typing import Any

from stigmergy.actors.board.cases import Case
from stigmergy.protocols.errors import Malformed, UsageError
from stigmergy.protocols.kind import KindSpec

from ..run_folder import RunFolder
from ..troupe import troupe_of
from .choices import named_app
from .finding import sound
from .loading import load_app


def check_result(run: RunFolder, case: Case, result: Any) -> None:
    """Refuse a result that the tool of a case does not return. Raises: UsageError."""
    spec = _kind_of(run, case.agent.partition("/")[0])
    known = run.read("run.json")
    if spec is None or "argv" not in known or "cwd" not in known:
        return
    try:
        with redirect_stdout(sys.stderr), chdir(known["cwd"]):  # what is printed on import is no answer of ours
            load_app(named_app(known["argv"][2:]))
            tools = troupe_of(spec).tools
    except (UsageError, OSError):
        return
    try:
        tools.check_result(case.tool, result)
    except Malformed as why:
        raise UsageError(f"--happened: {why}; give what {case.tool} returns") from None


def _kind_of(run: RunFolder, name: str) -> KindSpec | None:
    with sound(run) as journal:
        specs = [KindSpec.from_plain(entry.data) for entry in journal.read(kinds="registry.kind")]
    return next((spec for spec in reversed(specs) if spec.name == name), None)
