"""Unbegun: what is said of a run that ended before anything was asked, and what can be done with it."""

from __future__ import annotations

from ..provenance import shown_owner
from ..run_folder import RunFolder
from .records import named, relative
from .text import clean, typed


def state_of(run: RunFolder, *, running: bool) -> str:
    """What became of a run in which nothing has happened, in words."""
    known = run.read("run.json")
    if running:
        return "just starting: nothing has been asked yet; look again in a moment"
    reason = clean(str(known.get("stop_reason") or ""))
    how = f"ended ({reason})" if reason else "killed"
    return f"{how} before anything was asked: {_go_on(run)}, or remove {typed(relative(run.path))}"


def _go_on(run: RunFolder) -> str:
    known = run.read("run.json")
    if "argv" not in known:
        return f"begin it in {clean(shown_owner(known)) or 'its script'} with Swarm.resume({str(run.path)!r})"
    return f"`stigmergy resume {named(run)}` begins it"
