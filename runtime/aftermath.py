"""The aftermath: the figures of a swarm that cannot be asked any more, from its journal."""

from __future__ import annotations

from dataclasses import replace

from stigmergy.protocols.errors import StigmergyError

from .figures import SwarmReport
from .history.cases import cases_in
from .history.figures import Figures
from .run_folder import RunFolder


def report_of(folder: RunFolder | None, failure: BaseException, last: SwarmReport) -> SwarmReport:
    """The last figures of a swarm whose board failed; those of before when nothing was kept, or can be read."""
    text = str(failure) or type(failure).__name__
    try:
        if folder is not None:
            return journaled(folder, "failure", text)
    except StigmergyError:
        pass  # the failure itself says more
    return replace(last, stop_reason="failure", stop_text=text, journal=str(folder.path) if folder else "")


def journaled(folder: RunFolder, reason: str, text: str) -> SwarmReport:
    """The figures that a journal tells; ``reason`` and ``text`` if it does not say itself why it ended.

    Raises: UsageError, JournalError.
    """
    view = folder.view(intact_prefix=True)
    try:
        figures, doubts = Figures.of(view.read()), len(cases_in(view))
    finally:
        view.close()
    totals = figures.totals
    stop = figures.stop or (reason, text)
    return SwarmReport(
        messages=totals.messages,
        model_calls=totals.model_calls,
        tokens=totals.tokens,
        usd=totals.nano_usd / 1e9,
        dead_letters=dict(figures.dead),
        forfeited=figures.money.forfeited.calls,
        forfeited_tools=figures.money.forfeited.tools,
        open_cases=doubts,
        stop_reason=stop[0],
        stop_text=stop[1],
        journal=str(folder.path),
    )
