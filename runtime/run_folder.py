"""A run's folder: everything that is left of a swarm when it has ended.

``runs/<run id>/`` holds ``run.json`` (what was run: app, options, seed, versions, when), ``journal.db``
(the truth: every message, turn, fact and payment), ``report.json`` (the figures at the end) and
``logs/*.jsonl`` (one log per process).
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stigmergy.actors.journal import ReadOnlyJournal
from stigmergy.actors.journal.places import open_view
from stigmergy.protocols.errors import UsageError

_DATABASE: Final = "journal.db"
_SIGNS: Final = ("run.json", _DATABASE, f"{_DATABASE}.mark")


class RunFolder:
    """Paths of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.logs = path / "logs"

    @property
    def place(self) -> str:
        """Where the journal is, as people may see it; see `stigmergy.actors.journal.places`."""
        return str(self.path / _DATABASE)

    @property
    def is_run(self) -> bool:
        """Whether this is the folder of a run at all, whatever became of it."""
        return self.path.is_dir() and any((self.path / sign).is_file() for sign in _SIGNS)

    def address(self) -> str:
        """Where the journal is, as a board opens it. Raises: UsageError."""
        return self.place

    def view(self, *, intact_prefix: bool = False) -> ReadOnlyJournal:
        """The journal as it is now, for reading: `places.open_view`. Raises: UsageError, JournalError."""
        return open_view(self.place, intact_prefix=intact_prefix)

    @classmethod
    def create(cls, parent: Path, now: float, run_id: str = "") -> RunFolder:
        """Make a new folder below ``parent``, readable by its owner only. Raises: UsageError."""
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
        folder = cls(parent.absolute() / (run_id or f"{stamp}-{secrets.token_hex(2)}"))
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder.path.mkdir(mode=0o700)
            folder.logs.mkdir(mode=0o700)
        except OSError as why:
            raise UsageError(
                f"cannot make a run folder in {parent}: {why.strerror}; choose another place with --journal"
            ) from None
        return folder

    @classmethod
    def open(cls, path: Path, runs: Path = Path("runs")) -> RunFolder:
        """An existing run, by its path or by its id below ``runs``. Raises: UsageError."""
        for candidate in (path, runs / path):
            if cls(candidate).is_run:
                return cls(candidate.absolute())
        raise UsageError(f"no run at {path} (nor {runs / path}): see `stigmergy runs`")

    def write(self, name: str, data: dict[str, Any]) -> None:
        """Write one JSON file, whole or not at all."""
        target = self.path / name
        draft = target.with_suffix(".tmp")
        draft.write_text(json.dumps(data, indent=2, default=str) + "\n", encoding="utf-8")
        draft.replace(target)

    def read(self, name: str) -> dict[str, Any]:
        """One JSON file, empty when there is none."""
        try:
            data: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return data
