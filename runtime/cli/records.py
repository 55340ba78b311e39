"""Records: ``run.json``, ``report.json`` and ``tables.json``, which say what was run and what it came to.

The rule of this file: they name no secret, and what they say is enough to resume a run that was killed. An app may
make several swarms, each with a folder of its own; by ``performance`` and ``number`` they belong together.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from stigmergy.protocols.errors import StigmergyError, StorageFull

from ..app import Outcome, Table
from ..figures import SwarmReport
from ..run_folder import RUNS, RunFolder
from ..swarm import Swarm
from ..tenure import amend, iso
from .choices import Choices
from .footprint import folders, single_files
from .secrets import shown_argv, shown_options
from .text import counted, typed
from .versions import versions


class Past(NamedTuple):
    """What there is already of the swarms of one run of an app."""

    performance: str
    """Names this run of the app in all its folders."""
    folders: Mapping[int, RunFolder]
    """By the number of the swarm, from 0."""
    done: bool = False
    """It had come to its end, and somebody put letters back since."""


class Records:
    """The files of the swarms that one ``stigmergy run`` made, or that ``stigmergy resume`` goes on with."""

    def __init__(self, choices: Choices, argv: Sequence[str], past: Past | None = None) -> None:
        self._home = choices.home
        self._past = past or Past(secrets.token_hex(8), {})
        self._options = choices.options
        self._about: dict[str, Any] = {
            "app": choices.app.name,
            "source": choices.source,
            "argv": ["stigmergy", "run", *shown_argv(argv)],
            "cwd": str(Path.cwd()),
            "options": shown_options(choices.options),
            "files": {} if choices.journal is None else single_files(choices.source, choices.options),
            "versions": versions(),
            "performance": self._past.performance,
        }
        self._fresh_parent = choices.home is not None and not choices.home.exists()
        self.swarms: list[Swarm] = []
        """All swarms, in order."""
        self.unwritten = ""
        """What could not be written for want of space, and what to do."""

    def add(self, swarm: Swarm) -> None:
        """A swarm was made; it has no folder before it begins. One that began in an earlier life goes on."""
        number = len(self.swarms)
        if not number and self._home is not None:
            self._about["files"] |= folders(self._options)
        swarm.about = {**self._about, "number": number}
        if number in self._past.folders:
            swarm.go_on(self._past.folders[number], to_the_end=self._past.done)
        self.swarms.append(swarm)

    @property
    def folders(self) -> list[RunFolder]:
        """The folders that exist."""
        return [swarm.folder for swarm in self.swarms if swarm.folder is not None and swarm.folder.path.is_dir()]

    @property
    def _written(self) -> list[RunFolder]:
        """Those of swarms that have begun: one that was refused to go on changes nothing of what is there."""
        begun = [swarm.folder for swarm in self.swarms if swarm.is_written]
        return [folder for folder in self.folders if folder in begun]

    def keep(self, outcome: Outcome) -> None:
        """Write what people were shown into every folder that is there, so that it can be shown again."""
        tables = [[table.title, table.columns, table.rows] for table in outcome.tables]
        kept = plain({"tables": tables, "notes": outcome.notes, "warnings": outcome.warnings})
        with self._as_far_as_there_is_room():
            for folder in self._written:
                folder.write("tables.json", kept)

    def end(
        self, report: Mapping[str, Any], reports: Mapping[str, SwarmReport], reason: str, code: int, exhausted: str
    ) -> None:
        """Write how it ended into every folder that is there; ``reports`` are by folder id."""
        with self._as_far_as_there_is_room():
            for folder in self._written:
                figures = reports.get(folder.id)
                if report:
                    folder.write("report.json", plain(report))
                ends = {"stop_reason": reason, "exit_code": int(code), "exhausted": exhausted}
                amend(folder, ended=iso(time.time()), **ends, figures=figures and asdict(figures))

    @contextmanager
    def _as_far_as_there_is_room(self) -> Iterator[None]:
        """What people are shown does not wait for a full disk, and the journal has it all."""
        try:
            yield
        except StorageFull as full:
            self.unwritten = str(full)

    def have_begun(self, reports: Mapping[str, SwarmReport]) -> bool:
        """Whether anything has happened in one of the swarms, of which nothing is kept or something is."""
        kept = {folder.id for folder in self.folders}
        return any(map(_was_used, self._written)) or any(
            report.messages for run, report in reports.items() if run not in kept
        )

    def discard_unused(self) -> None:
        """Remove the folders of swarms in which nothing ever happened: bad input leaves nothing behind."""
        for folder in self.folders:
            if folder not in self._past.folders.values() and not _was_used(folder):
                folder.remove()  # made by this process, under a name of its own
        parent = self._home
        if self._fresh_parent and parent is not None and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def shown(folder: RunFolder) -> tuple[list[Table], list[str], list[str]]:
    """The tables, notes and warnings that people were shown at the end of a run; all empty when nobody kept them."""
    kept = folder.read("tables.json")
    tables = [Table(title, tuple(columns), tuple(map(tuple, rows))) for title, columns, rows in kept.get("tables", ())]
    return tables, list(kept.get("notes", ())), list(kept.get("warnings", ()))


def how_to_resume(folder: RunFolder, reason: str) -> str:
    """A sentence for somebody whose run did not come to its end, for a reason."""
    if reason == "bug":
        return f"to go on, once the app is mended: stigmergy resume {named(folder)} --anyway"
    more = ", with a larger budget" if reason == "budget" else ""
    return f"to go on: stigmergy resume {named(folder)}{more}"


def how_to_decide(folder: RunFolder, cases: int) -> str:
    """A sentence for somebody whose run left something to a person."""
    run = named(folder)
    wait, it = (f"{counted(cases, 'call')} waits", "it") if cases == 1 else (f"{counted(cases, 'call')} wait", "them")
    return (
        f"{wait} for a person: stigmergy approve {run} shows {it} and takes the decision; then stigmergy resume {run}"
    )


def named(folder: RunFolder) -> str:
    """A run as one would type its name here."""
    return typed(folder.id if folder.path.parent == RUNS.absolute() else relative(folder.path))


def plain(value: Any) -> Any:
    """Data that JSON can hold: what it has no word for becomes text, and no number becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def _was_used(folder: RunFolder) -> bool:
    try:
        return folder.has_begun()
    except StigmergyError:
        return True  # what cannot be read is not ours to throw away


def relative(path: Path) -> Path:
    """A path as one would type it here."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
