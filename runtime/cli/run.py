"""``stigmergy run``: loads an app, lets it work, prints what it came to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, TextIO

from stigmergy.protocols.errors import SwarmStopped

from ..app import Outcome, Table
from ..forgotten import logged
from .choices import Choices, named_app, read_choices
from .events import stopper
from .exits import Exit, code_of, telling
from .failures import explain, say, tell, without_secrets
from .loading import load_app
from .performance import Ending, cut_off, dead_letters_of, partial_outcome, perform
from .quiet import Noise
from .records import Records, how_to_decide, how_to_resume, named, plain, relative
from .render import console_for, print_outcome
from .screen import screen_for
from .text import clean, counted, first_line, typed

MOST_OF_A_WARNING: Final = 600
"""Characters of an app's warning that are shown."""


def run(argv: Sequence[str]) -> int:
    """Run an app; returns the exit code. Raises: UsageError."""
    noise = Noise()
    with noise.collected(reserve_stdout="--json" in argv) as stdout:
        choices = read_choices(load_app(named_app(argv)), argv)
        records = Records(choices, argv)
        code = carry_out(choices, records, stdout)
    for folder in records.folders:
        noise.write(folder.logs)
    return code


def carry_out(choices: Choices, records: Records, stdout: TextIO) -> Exit:
    """Let an app work, and print what it came to; returns the exit code."""

    def last_words(why: str) -> None:
        _tell(cut_off(records, why), choices, records, stdout)

    began = time.time()
    with screen_for(choices.app.name, quiet=choices.quiet) as screen:
        ending = asyncio.run(perform(choices, records, screen, last_words))
    for folder in records.folders:
        for forgotten in logged(folder.logs, began):
            say(forgotten)
    if ending.reason in {"usage", "user"} and ending.outcome is None:
        records.discard_unused()  # a report may name them
    ending = ending._replace(late=ending.reason == "usage" and records.have_begun(ending.reports))
    code = code_of(ending.reason)
    records.end(_tell(ending, choices, records, stdout), ending.reports, ending.reason, code, ending.exhausted)
    if records.unwritten:
        say(records.unwritten)
        return code or Exit.BUG
    return code


def _tell(ending: Ending, choices: Choices, records: Records, stdout: TextIO) -> dict[str, Any]:
    """Print what it came to, and why it is not more; returns the report, empty if there is none."""
    outcome = _outcome(ending)
    report = {} if outcome is None else _report(outcome, ending, records)
    if outcome is not None:
        outcome = replace(outcome, tables=outcome.tables or (_plain_table(outcome, ending, choices.app.name),))
        if choices.json or ending.reason != "bug":
            records.keep(outcome)
            _show(outcome, report, choices, records, stdout)
        for line in _where_errors_are(ending, records):
            say(line) if choices.json else console_for(stdout).print(line, soft_wrap=True)
    for warning in () if outcome is None else outcome.warnings:
        say(first_line(warning, MOST_OF_A_WARNING))
    _explain(ending, records, shown=choices.json or ending.reason != "bug")
    return report


def _outcome(ending: Ending) -> Outcome | None:
    """What is there to be told; of bad input nothing is."""
    if ending.outcome is not None:
        return ending.outcome
    return None if ending.reason == "usage" else partial_outcome(ending)


def _report(outcome: Outcome, ending: Ending, records: Records) -> dict[str, Any]:
    """The app's own object, with where and why it ended if it does not say so itself."""
    folders = [str(folder.path) for folder in records.folders]
    ends: dict[str, Any] = {"stop_reason": ending.reason, "journal": folders[-1] if folders else None}
    if wrong := _wrong(ending):
        ends["error"] = wrong
    if ending.is_partial:
        ends["partial"] = True
    if ending.dead_letters:
        ends["dead_letters"] = ending.dead_letters
    if ending.forfeited:
        ends["forfeited_calls"] = ending.forfeited
    if ending.open_cases:
        ends["open_cases"] = ending.open_cases
    if outcome.warnings:
        ends["warnings"] = list(outcome.warnings)
    return {**plain(outcome.report), **{name: end for name, end in ends.items() if name not in outcome.report}}


def _wrong(ending: Ending) -> str:
    """What went wrong, in a sentence; empty where the reason for which it stopped says all."""
    if ending.reason not in {"bug", "failure"}:
        return ""
    return without_secrets(explain(ending.error)[1] if ending.error is not None else first_line(ending.text, 400))


def _plain_table(outcome: Outcome, ending: Ending, title: str) -> Table:
    """For an app without a table of its own: the single values of its report, and the figures of its swarms."""
    own = {name: value for name, value in plain(outcome.report).items() if not isinstance(value, (dict, list))}
    rows = {**own, **{name: value for name, value in partial_outcome(ending).report.items() if name not in own}}
    cells = [
        (name, f"{value:,}" if type(value) is int else "-" if value is None else str(value))
        for name, value in rows.items()
    ]
    return Table(title, ("", ""), tuple((name.replace("_", " "), cell) for name, cell in cells))


def _show(outcome: Outcome, report: dict[str, Any], choices: Choices, records: Records, stdout: TextIO) -> None:
    if choices.json:
        stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
        stdout.flush()
        return
    console = console_for(stdout)
    print_outcome(console, outcome.tables, outcome.notes)
    for folder in records.folders[-1:]:
        more = f" (and {len(records.folders) - 1:,} more)" if len(records.folders) > 1 else ""
        where = clean(str(relative(folder.path)))
        console.print(f"journal: {where}{more}; look inside: stigmergy inspect {named(folder)}", soft_wrap=True)


def _where_errors_are(ending: Ending, records: Records) -> Iterator[str]:
    """Lines that say where there is more about messages that could not be handled."""
    for folder in records.folders:
        known = ending.reports.get(folder.id)
        if known is not None and (dead := dead_letters_of(known)):
            where = f"stigmergy dead-letters {named(folder)}; tracebacks: {typed(relative(folder.logs))}"
            yield f"{counted(dead, 'dead letter')}: {where}"


def _explain(ending: Ending, records: Records, *, shown: bool) -> None:
    """Say on stderr why it is not simply done; ``shown``: people have figures before them."""
    error, reason = ending.error, ending.reason
    partial = "; the figures are partial" if ending.is_partial and shown else ""
    if error is not None and code_of(reason) in {Exit.BUG, Exit.USAGE} and not isinstance(telling(error), SwarmStopped):
        tell(error, next((folder.logs for folder in reversed(records.folders)), None), partial, late=ending.late)
    elif reason != "done":
        text = ending.text or (explain(error)[1] if error is not None else "")
        say(f"stopped by {stopper(reason)}: {first_line(text, 400)}{partial}")
    for lost in lost_calls(ending):
        say(lost)
    if reason in {"budget", "failure", "user", "bug"} and records.folders and records.folders[-1].is_kept:
        say(how_to_resume(records.folders[-1], reason))
    for folder in records.folders:
        if folder.id in ending.reports and (waiting := ending.reports[folder.id].open_cases):
            say(how_to_decide(folder, waiting))


def lost_calls(ending: Ending) -> Iterator[str]:
    """Sentences about calls whose end nobody knows."""
    tools = ending.forfeited_tools
    if models := ending.forfeited - tools:
        lost = counted(models, "model call")
        yield f"{lost} ended without a known answer and may have been billed: counted at the worst case"
    if tools:
        it, does, is_ = ("it", "does", "is") if tools == 1 else ("they", "do", "are")
        yield (
            f"{counted(tools, 'tool call')} ended without a known result: what {it} {does} may have happened, "
            f"and {it} {is_} counted"
        )
