"""Records: ``run.json`` and ``report.json``, which say what was run and what it came to.

The rule of this file: ``run.json`` is there from the run's first moments, so a run that was killed
is known too; and it names no secret.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stigmergy.actors.journal.places import is_server
from stigmergy.protocols.errors import StigmergyError, UsageError

from ..figures import SwarmReport
from ..run_folder import RunFolder
from ..swarm import Swarm
from .choices import Choices
from .secrets import shown_argv, shown_options
from .versions import versions


class Records:
    """The files of the swarms that one ``stigmergy run`` made."""

    def __init__(self, choices: Choices, argv: Sequence[str]) -> None:
        self._choices = choices
        self._known = {
            "app": choices.app.name,
            "source": choices.source,
            "argv": ["stigmergy", "run", *shown_argv(argv)],
            "options": shown_options(choices.options),
            "engine": choices.plant.engine,
            "address": choices.plant.address,
            "hosts": choices.plant.hosts,
            "durability": choices.plant.durability,
            "budget": choices.budget.to_plain(),
            "versions": versions(),
        }
        self._fresh_parent = choices.home is not None and not choices.home.exists()
        self._swarms: list[tuple[Swarm, dict[str, Any]]] = []
        """Each with what differs between them."""
        self._begun: set[str] = set()

    def add(self, swarm: Swarm, seed: int) -> None:
        """A swarm was made; it has no folder before it begins."""
        self._swarms.append((swarm, {"seed": seed, "started": _iso(time.time())}))

    @property
    def swarms(self) -> list[Swarm]:
        """All swarms, in order."""
        return [swarm for swarm, _ in self._swarms]

    @property
    def folders(self) -> list[RunFolder]:
        """The folders that exist."""
        return [swarm.folder for swarm in self.swarms if swarm.folder is not None and swarm.folder.path.is_dir()]

    def begin(self) -> None:
        """Write ``run.json`` for swarms that have begun since the last call."""
        for swarm, own in self._swarms:
            folder = swarm.folder
            if folder is not None and folder.id not in self._begun and folder.path.is_dir():
                self._begun.add(folder.id)
                folder.write("run.json", {**self._known, **own, "journal": _kept_in(folder)})

    def end(self, report: Mapping[str, Any], reports: Mapping[str, SwarmReport], reason: str, code: int) -> None:
        """Write how it ended into every folder that is there; ``reports`` are by folder id."""
        for swarm, own in self._swarms:
            folder = swarm.folder
            if folder is not None and folder.path.is_dir():
                figures = reports.get(folder.id)
                own |= {
                    "journal": _kept_in(folder),
                    "ended": _iso(time.time()),
                    "stop_reason": reason,
                    "exit_code": code,
                }
                folder.write("run.json", {**self._known, **own, "figures": figures and asdict(figures)})
                if report:
                    folder.write("report.json", plain(report))

    def discard_unused(self) -> None:
        """Remove the folders of swarms in which nothing ever happened: bad input leaves nothing behind."""
        for folder in self.folders:
            if not _was_used(folder):
                folder.remove()  # made by this process, under a name of its own
        parent = self._choices.home
        if self._fresh_parent and parent is not None and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


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
    """Whether a message was ever accepted."""
    try:
        journal = folder.view()
    except UsageError:
        return False  # there is no journal yet
    except StigmergyError:
        return True  # what cannot be read is not ours to throw away
    try:
        return next(journal.read(kinds="mail."), None) is not None
    finally:
        journal.close()


def _kept_in(folder: RunFolder) -> str:
    """Where its journal is: a server and a name there, or a file in the folder itself."""
    return folder.place if is_server(folder.place) else Path(folder.place).name


def _iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")


def relative(path: Path) -> Path:
    """A path as one would type it here."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
