"""``stigmergy resume``: goes on with a run whose driver died, was stopped, or ran out of budget.

The app's ``main`` runs again from its beginning on the same journals. What it asks again is known there: answered
before, it is answered at once; still open, it goes on. Nothing is charged or handled twice. An app that made several
swarms goes on with all of them: those that had ended are only read again.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, Final

from stigmergy.actors.board.reopening import check_beginning
from stigmergy.actors.journal.places import is_server
from stigmergy.protocols.budget import DIMENSIONS
from stigmergy.protocols.errors import JournalError, NoJournal, UsageError

from ..history.letters import Letters
from ..manifest import fault_of
from ..provenance import check_owner
from ..run_folder import RUNS, RunFolder
from ..tenure import RECORD, driver_of
from .arguments import Parser, refuse
from .choices import Choices, add_general, add_house, add_output, bare_parser, named_app, read_choices
from .exits import Exit
from .failures import say
from .finding import find_run, runs_in, sound
from .footprint import changed, footprint
from .loading import load_app
from .quiet import Noise
from .records import Past, Records, named, relative, shown
from .run import MOST_OF_A_WARNING, carry_out
from .secrets import HIDDEN, is_secret, shown_options
from .text import first_line

PROG: Final = "stigmergy resume"
TELLING: Final = {"--json", "--quiet"}
"""Options that say how it is told, and change nothing of what is done."""
DESCRIPTION: Final = """\
Goes on with a run that was killed, interrupted, or stopped by its budget (then give a larger one). The app runs again
from its beginning on the same journal: what was answered is answered at once, and nothing is paid or done twice.
App, options, seed and budget are those of the run; only what is listed here can change. Options that are secrets are
not kept: give them again, behind RUN. An app that made several swarms goes on with all of them.
"""


def resume(argv: Sequence[str]) -> int:
    """Go on with a run; returns the exit code. Raises: UsageError."""
    parser = _parser()
    given, own = parser.parse_known_args(list(argv))
    _check_fixed(own, parser)
    run = find_run(given.run, given.runs)
    _check_record(run)
    known = run.read(RECORD)
    done, as_json = known.get("exit_code") == 0, hasattr(given, "json")
    again = done and not given.anyway and not _is_open(run)
    if again and (fault := run.fault("report.json")):
        again = False
        say(f"report.json of run {run.id} {fault}: its app runs again over the journal")
    if again and not own and not _changes(given) - TELLING:
        return _print_again(run, as_json=as_json)
    _check_state(run, known, given)
    noise = Noise()
    with noise.collected(reserve_stdout=as_json) as stdout:
        past = _past(run, known)._replace(done=done)  # said in the words of the folder where the user is
        with chdir(_home(known)):
            choices, records = _chosen(run, known, given, own, past)
            code = Exit.DONE if again else carry_out(choices, records, stdout)
    for folder in records.folders:
        noise.write(folder.logs)
    return _print_again(run, as_json=as_json) if again else code


def _chosen(
    run: RunFolder, known: dict[str, Any], given: argparse.Namespace, own: Sequence[str], past: Past
) -> tuple[Choices, Records]:
    """What the run is gone on with; all of it is checked. Raises: UsageError."""
    words = [*_recorded(known, own), *own, *sorted(_changes(given))]
    choices = read_choices(load_app(named_app(words)), words)._replace(journal=_journal_of(run))
    for folder in past.folders.values():
        check_owner(folder, choices.app.name, anyway=given.anyway, source=choices.source)
    if not given.anyway:
        _check_same(known, choices)
    return choices, Records(choices, words, past)


def _parser() -> Parser:
    parser = Parser(PROG, DESCRIPTION, usage=f"{PROG} RUN [options]")
    parser.add_argument("run", metavar="RUN", help="a run's id or its beginning, its folder, or `last`")
    parser.add_argument("--runs", metavar="DIR", type=Path, default=RUNS, help="where runs are kept (default: runs/)")
    parser.add_argument(
        "--anyway", action="store_true", help="also with changed files or options, and after the loop watchdog"
    )
    group = parser.add_argument_group("what can change")
    add_house(group)
    add_output(group)
    for action in group._group_actions:  # noqa: SLF001 - argparse has no other way to tell given from default
        action.default = argparse.SUPPRESS
        action.help = re.sub(r" \(default: [^)]*\)", "", action.help or "")  # that is what the run began with
    return parser


def _check_fixed(own: Sequence[str], parser: Parser) -> None:
    """Refuse what `stigmergy run` takes, and a run keeps. Raises: UsageError."""
    fixed = set(add_general(bare_parser("")).options())
    for flag in (word.partition("=")[0] for word in own):
        if flag in fixed:
            refuse(f"unknown option {flag}: a run keeps what it began with; {parser.advice}")


def _check_record(run: RunFolder) -> None:
    """Whether somebody knows what this run was made with. Raises: UsageError."""
    if fault := fault_of(run):
        refuse(
            f"{relative(run.path / RECORD)} {fault}, so nobody knows with which app and options to go on: restore it "
            f"from a backup; stigmergy inspect {named(run)} shows what has happened"
        )


def _check_state(run: RunFolder, known: dict[str, Any], given: argparse.Namespace) -> None:
    """Whether this run is one to go on with. Raises: UsageError."""
    driver = driver_of(run)
    if driver:
        refuse(f"run {run.id} is still being driven by {driver}; stop that first")
    if "argv" not in known:
        refuse(f"run {run.id} was not begun by `stigmergy run`: start its script with Swarm.resume({str(run.path)!r})")
    reason, short = known.get("stop_reason"), _ran_out_of(known)
    if known.get("exit_code") is not None and not given.anyway:
        if reason == "budget" and not any(hasattr(given, f"budget_{name}") for name in short or DIMENSIONS):
            flags = [f"--budget-{name.replace('_', '-')}" for name in short or _limited(known) or DIMENSIONS]
            refuse(f"run {run.id} was stopped by its budget: give a larger one with {' or '.join(flags)}")
        if reason == "loop":
            refuse(f"run {run.id} was stopped by the loop watchdog, and would loop again; --anyway goes on")


def _ran_out_of(known: dict[str, Any]) -> list[str]:
    """The dimension of which a run had too little, as its last error or its swarm says; empty when neither does."""
    said = re.search(r"exhausted: (?:all )?\S+ (\w+)", str((known.get("figures") or {}).get("stop_text", "")))
    what = known.get("exhausted") or (said[1].lower() if said else "")  # of one, it is singular
    return [name for name in DIMENSIONS if name in {what, f"{what}s"}]


def _limited(known: dict[str, Any]) -> list[str]:
    """The dimensions in which the command line has given a run a budget."""
    flags = {word.partition("=")[0] for word in known["argv"]}
    return [name for name in DIMENSIONS if f"--budget-{name.replace('_', '-')}" in flags]


def _recorded(known: dict[str, Any], own: Sequence[str]) -> list[str]:
    """The command line of the run, without how it was told and without secrets. Raises: UsageError."""
    fresh = {word.partition("=")[0] for word in own}
    words: list[str] = []
    missing: list[str] = []
    recorded = iter(known["argv"][2:])
    for word in recorded:
        flag, equals, value = word.partition("=")
        if flag == "--journal":
            _ = equals or next(recorded)  # the folder knows
        elif word == HIDDEN or (equals and value == HIDDEN):
            flag = flag if equals else words.pop()
            missing += [] if flag in fresh else [flag]
        elif word not in {"--json", "--quiet"}:
            words.append(word)
    if missing:
        refuse(f"secrets are not kept: give {' and '.join(missing)} again, behind RUN")
    return words


def _changes(given: argparse.Namespace) -> set[str]:
    flags = {f"--{name.replace('_', '-')}": value for name, value in vars(given).items()}
    kept = {flag: value for flag, value in flags.items() if flag not in {"--run", "--runs", "--anyway"}}
    return {flag if value is True else f"{flag}={value}" for flag, value in kept.items()}


def _home(known: dict[str, Any]) -> Path:
    """The folder where the run began: relative paths mean what they meant there. Raises: UsageError."""
    home = Path(known["cwd"])
    if not home.is_dir():
        refuse(f"the run began in {home}, which is gone: its files are looked for there")
    return home


def _past(run: RunFolder, known: dict[str, Any]) -> Past:
    """All swarms of the app's run. Raises: UsageError when one is driven, or cannot be continued by this version."""
    folders: dict[int, RunFolder] = {}
    for folder in runs_in(run.path.parent):
        record = folder.read(RECORD)
        if record.get("performance") == known["performance"] and not fault_of(folder):
            folders[record["number"]] = folder
            _check_journal(folder)
    return Past(known["performance"], folders)


def _journal_of(run: RunFolder) -> str:
    """Where the next swarm of the app is kept: where this one is."""
    return run.place.partition("#")[0] if is_server(run.place) else str(run.path.parent)


def _is_open(run: RunFolder) -> bool:
    """Whether a run that came to its end has something to handle: a letter that was put back, or decided about."""
    letters = Letters()
    with sound(run) as journal:
        for entry in journal.read(kinds="mail."):
            letters.apply(entry)
    return bool(letters.open)


def _check_journal(folder: RunFolder) -> None:
    try:
        with sound(folder) as journal:
            first = next(iter(journal.read()), None)
            if first is not None:
                check_beginning(first.kind, first.data, first.data.get("run", ""))
    except NoJournal:
        return  # it was killed before there was one
    except JournalError as why:
        raise UsageError(f"{folder.path}: {why}") from None


def _check_same(known: dict[str, Any], choices: Choices) -> None:
    """Raise unless options and files are those of before. Raises: UsageError."""
    now = shown_options(choices.options)
    other = [name for name, value in known["options"].items() if now.get(name) != value and not is_secret(name)]
    if other:
        name = other[0]
        refuse(
            f"--{name.replace('_', '-')} was {known['options'][name]} and is now {now.get(name)}: a run is "
            "resumed with the options that it began with; --anyway goes on all the same"
        )
    files = changed(known["files"], footprint(choices.source, choices.options))
    if files:
        more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        refuse(f"{files[0]}{more} changed since the run began; --anyway goes on all the same")


def _print_again(run: RunFolder, *, as_json: bool) -> int:
    report = run.read("report.json")
    tables, notes, warnings = shown(run)
    for warning in warnings:
        say(first_line(str(warning), MOST_OF_A_WARNING))
    if as_json:
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
        return 0
    from ..app import Table
    from .render import console_for, print_outcome

    if not tables:  # an app that shows none, or a run of before they were kept
        plain = {name: value for name, value in report.items() if not isinstance(value, dict | list)}
        tables = [Table("", ("", ""), tuple((name.replace("_", " "), str(value)) for name, value in plain.items()))]
    console = console_for(sys.stdout)
    console.print(f"run {run.id} is done; it came to", soft_wrap=True)
    print_outcome(console, tables, notes)
    return 0
