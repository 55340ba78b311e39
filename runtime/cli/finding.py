"""Finding: which run was meant, and its journal opened for reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from stigmergy.actors.journal import ReadOnlyJournal
from stigmergy.actors.journal.places import store_of
from stigmergy.protocols.errors import JournalError, NoJournal, UsageError

from ..run_folder import RUNS, RunFolder
from ..tenure import LOCK, RECORD, driver_of
from .arguments import Parser, meant
from .failures import say
from .records import named
from .unbegun import state_of

LAST: Final = "last"


def add_run(parser: Parser) -> None:
    """Add what every command takes that looks into one run."""
    parser.add_argument("run", metavar="RUN", help="a run's id or its beginning, its folder, or `last`")
    parser.add_argument("--runs", metavar="DIR", type=Path, default=RUNS, help="where runs are kept (default: runs/)")
    parser.add_argument(
        "--intact", action="store_true", help="of a damaged journal, read what stands before the damage"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")


def runs_in(folder: Path) -> list[RunFolder]:
    """The runs in a folder, oldest first. Raises: UsageError when there is no such folder."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: runs are kept in {RUNS}/ unless --journal named another place")
    found = [RunFolder(path.absolute()) for path in sorted(folder.iterdir(), key=_age)]
    return [run for run in found if run.is_run]


def find_run(name: str, runs: Path) -> RunFolder:
    """The run that was meant. Raises: UsageError."""
    if RunFolder(Path(name)).is_run:
        return RunFolder(Path(name).absolute())
    known = runs_in(runs) if runs.is_dir() else []
    if name == LAST:
        if not known:
            raise UsageError(f"there is no run in {runs}/ yet: `stigmergy run APP` makes one")
        return known[-1]
    fitting = [run for run in known if run.id.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"{len(fitting):,} runs in {runs}/ begin with {name!r}: give more of the id")
    ids = [run.id for run in known]
    advice = f"; the last one is {ids[-1]}" if ids else ""
    listing = "stigmergy runs" if runs == RUNS else f"stigmergy runs {runs}"
    raise UsageError(f"there is no run {name!r:.100} in {runs}/{meant(name, ids)}{advice}; see `{listing}`")


@contextmanager
def opened(run: RunFolder, *, intact: bool) -> Iterator[ReadOnlyJournal]:
    """A run's journal as it is now; damage is an error unless the ``intact`` part will do. Raises: UsageError."""
    try:
        journal = _view(run)
    except NoJournal:
        known = run.read(RECORD)
        if known.get("opened"):
            run.check_kept()
        if not known:
            raise
        state = state_of(run, running=bool(is_running(run)))
        raise UsageError(f"run {run.id} has no journal yet: {state}") from None
    try:
        if journal.damage and not intact:
            raise UsageError(
                f"journal {run.place} is damaged: {journal.damage}; --intact reads the {journal.last_seq:,} entries "
                "before the damage, and nothing was changed"
            )
        if journal.damage:
            say(f"journal {run.place} is damaged: {journal.damage}; this is from the entries before the damage")
        yield journal
    finally:
        journal.close()


@contextmanager
def sound(run: RunFolder) -> Iterator[ReadOnlyJournal]:
    """A run's journal as it is now, for who needs all of it. Raises: NoJournal, UsageError."""
    with closing(_view(run)) as journal:
        if journal.damage:
            restore = "" if "restore" in journal.damage else "restore it from a backup, "
            raise UsageError(
                f"journal {run.place} is damaged: {journal.damage}; {restore}or see what stands "
                f"before the damage: stigmergy inspect {named(run)} --intact"
            )
        yield journal


def _view(run: RunFolder) -> ReadOnlyJournal:
    try:
        return run.view(intact_prefix=True)
    except JournalError as why:
        raise UsageError(str(why)) from None


def is_running(run: RunFolder) -> bool | None:
    """Whether somebody drives it just now; of a run without that lock, whether its journal is open, None if unknown.

    A journal may be open a moment longer than its driver lives.
    """
    if (run.path / LOCK).exists():
        return bool(driver_of(run))
    try:
        return store_of(run.place).is_open(run.place)
    except (UsageError, JournalError):
        return None


def _age(path: Path) -> tuple[str, str]:
    """By the time in its name, which does not change when somebody copies it."""
    return (path.name, str(path))
