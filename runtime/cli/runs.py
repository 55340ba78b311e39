"""``stigmergy runs``: what was run here, and how it ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ..manifest import fault_of, manifest_of
from ..provenance import shown_owner
from ..run_folder import RUNS, RunFolder
from .arguments import Parser
from .finding import is_running, runs_in
from .records import named
from .soundness import damages
from .text import clean, cut, duration, when

_COLUMNS: Final = ("run", "app", "began", "took", "messages", "usd", "ended by")

_INTERRUPTED: Final = {"killed", "user"}
"""How a run ended that goes on as it is, without more money or other code."""


def runs(argv: Sequence[str]) -> int:
    """List runs; returns the exit code. Raises: UsageError."""
    parser = Parser("stigmergy runs", "Lists the runs in a folder, the newest last.")
    parser.add_argument("folder", metavar="DIR", nargs="?", type=Path, default=RUNS, help="default: runs/")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    given = parser.parse_all(argv)
    all_runs = runs_in(given.folder)
    found = [summary(run) for run in all_runs]
    ended = [run for run, one in zip(all_runs, found, strict=True) if one["ended_by"] != "running"]
    damaged = damages(reversed(ended))
    for run, one in zip(all_runs, found, strict=True):
        fault = fault_of(run)
        one["damage"] = damaged.get(str(run.path)) or (f"run.json {fault}" if fault else "")
    if given.json:
        sys.stdout.write(json.dumps({"folder": str(given.folder), "runs": found}, ensure_ascii=False) + "\n")
        return 0
    from .render import console_for, table_for

    if not found:
        sys.stdout.write(f"no runs in {given.folder}/ yet: `stigmergy run APP` makes one\n")
        return 0
    console_for(sys.stdout).print(table_for("", _COLUMNS, map(_row, found)))
    broken = [one["run"] for one in found if one["ended_by"] in _INTERRUPTED and one["app"] and not one["damage"]]
    if broken:
        more = f" (or another of {len(broken):,})" if len(broken) > 1 else ""
        sys.stdout.write(f"interrupted runs go on with: stigmergy resume {broken[-1]}{more}\n")
    for run, one in zip(all_runs, found, strict=True):
        if damage := one["damage"]:
            whole = f"stigmergy inspect {named(run)}"
            reads = f"{whole} --intact reads what stands before" if str(run.path) in damaged else f"{whole} still works"
            sys.stdout.write(f"damaged: {run.id}: {clean(damage)}; {reads}\n")
    return 0


def summary(run: RunFolder) -> dict[str, Any]:
    """What ``run.json`` says about a run; what it does not say is None."""
    known = manifest_of(run)
    figures = known.get("figures") or {}
    began, ended = known.get("started"), known.get("ended")
    reason = figures.get("stop_reason") or known.get("stop_reason")
    if not ended:
        states = {True: "running", False: "killed" if known else "unknown", None: "unknown"}
        reason = states[is_running(run)]
    return {
        "run": run.id,
        "app": known.get("app"),
        "program": known.get("program"),
        "began": began,
        "seconds": _seconds(began, ended),
        "messages": figures.get("messages"),
        "usd": figures.get("usd"),
        "ended_by": reason,
        "exit_code": known.get("exit_code"),
    }


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    messages, usd, began = found["messages"], found["usd"], found["began"]
    return (
        found["run"],
        cut(clean(shown_owner(found)) or "-", 40),
        when(datetime.fromisoformat(began).timestamp()) if began else "-",
        duration(found["seconds"]),
        "-" if messages is None else f"{messages:,}",
        "-" if usd is None else f"{usd:,.6f}".rstrip("0").rstrip("."),
        (found["ended_by"] or "-") + ", damaged" * bool(found["damage"]),
    )


def _seconds(began: str | None, ended: str | None) -> float | None:
    if not began or not ended:
        return None
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
