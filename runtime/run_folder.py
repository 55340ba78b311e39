"""A run's folder: everything that is left of a swarm when it has ended.

``runs/<run id>/`` holds ``run.json`` (what was run: app, options, seed, versions, when), ``journal.db``
(the truth: every message, turn, fact and payment; of several shards also ``journal.1.db`` and so on) or
``journal.url`` (on which server that lies, and under which name; no password), ``report.json`` (the figures
at the end) and ``logs/*.jsonl`` (one log per process).
"""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

from stigmergy.actors.journal import ReadOnlyJournal
from stigmergy.actors.journal.places import check_there, is_server, of_shard, store_of
from stigmergy.actors.journal.room import NO_ROOM
from stigmergy.protocols.errors import NoJournal, StorageFull, UsageError

from .history.beginnings import has_begun, is_event
from .history.together import together

_DATABASE: Final = "journal.db"
_POINTER: Final = "journal.url"
_SIGNS: Final = ("run.json", _DATABASE, f"{_DATABASE}.mark", _POINTER)

RUNS: Final = Path("runs")
"""Where run folders are, unless somebody says otherwise."""


class RunFolder:
    """Paths of one run."""

    def __init__(self, path: Path, address: str = "") -> None:
        """``address`` is what `address` gives back; found out when it is needed, if it is empty."""
        self.path = path
        self.id = path.name
        self.logs = path / "logs"
        self._address = address

    @property
    def place(self) -> str:
        """Where the journal is, as people may see it; see `stigmergy.actors.journal.places`."""
        try:
            return (self.path / _POINTER).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return str(self.path / _DATABASE)

    @property
    def kept_in(self) -> str:
        """Where the journal is: a server and a name there, or a file in the folder itself."""
        return self.place if is_server(self.place) else Path(self.place).name

    @property
    def is_run(self) -> bool:
        """Whether this is the folder of a run at all, whatever became of it."""
        return self.path.is_dir() and any((self.path / sign).is_file() for sign in _SIGNS)

    def address(self) -> str:
        """Where the journal is, as a board opens it: with the password in use, so never written down.

        Raises: UsageError when its server lets nobody in.
        """
        self._address = self._address or store_of(self.place).settled(self.place)
        return self._address

    @property
    def shards(self) -> int:
        """How many journals there are: by ``run.json``, or else by the files that lie here."""
        said = self.read("run.json").get("shards")
        if type(said) is int and said > 0:
            return said
        return next(shard for shard in count(1) if not Path(of_shard(self.place, shard)).is_file())

    def view(self, *, intact_prefix: bool = False) -> ReadOnlyJournal:
        """The journal as it is now, for reading: `Store.view`; of several shards all in one.

        Raises: NoJournal, UsageError, JournalError.
        """
        store, place = store_of(self.place), self._address or self.place
        views = [store.view(place, intact_prefix=intact_prefix)]
        for shard in range(1, self.shards):
            with suppress(NoJournal):  # it was killed before there was this one
                views.append(store.view(of_shard(place, shard), intact_prefix=intact_prefix))
        return together(views)

    @property
    def is_kept(self) -> bool:
        """Whether there is something to go on with, as far as this machine's disk can tell."""
        try:
            self.check_kept()
        except NoJournal:
            return False
        return True

    def check_kept(self) -> None:
        """Raise if a journal on this machine's disk is gone; one on a server is the server's. Raises: NoJournal."""
        if not is_server(self.place):
            for shard in range(self.shards):
                check_there(of_shard(self.place, shard))

    def has_begun(self) -> bool:
        """Whether anything has happened in this run: what is damaged may have held it.

        Raises: UsageError, JournalError where that cannot be known.
        """
        place = self._address or self.place
        if self.shards == 1 and store_of(place).has(place, is_event):
            return True
        try:
            journal = self.view(intact_prefix=True)
        except NoJournal:
            return False
        with closing(journal):
            return bool(journal.damage) or has_begun(journal.read())

    def remove(self) -> None:
        """Delete the folder, and its journals wherever those are. Raises: UsageError, JournalError, OSError."""
        for shard in range(self.shards):
            store_of(self.place).discard(of_shard(self._address or self.place, shard))
        shutil.rmtree(self.path)

    @classmethod
    def create(cls, home: str | Path, now: float, run_id: str = "") -> RunFolder:
        """Make a new folder, readable by its owner only.

        ``home`` is the folder that it lies in; or the URL of a PostgreSQL server that shall have the journal, and
        then the folder lies in ``runs/``. The server is tried before anything is written.

        Raises: UsageError.
        """
        server = str(home) if is_server(str(home)) else ""
        parent = RUNS if server else Path(home)
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
        folder = cls(parent.absolute() / (run_id or f"{stamp}-{secrets.token_hex(2)}"))
        if server:
            # Many machines share a server, so a second and 16 bits are not enough for a name of its own.
            folder._address = store_of(server).settled(f"{server}#{folder.id}.{secrets.token_hex(4)}")
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder.path.mkdir(mode=0o700)
            folder.logs.mkdir(mode=0o700)
            if server:
                (folder.path / _POINTER).write_text(f"{store_of(server).shown(folder._address)}\n", encoding="utf-8")
        except OSError as why:
            raise UsageError(
                f"cannot make a run folder in {parent}: {why.strerror}; choose another place with --journal"
            ) from None
        return folder

    @classmethod
    def open(cls, path: Path, runs: Path = RUNS) -> RunFolder:
        """An existing run, by its path or by its id below ``runs``. Raises: UsageError."""
        for candidate in (path, runs / path):
            if cls(candidate).is_run:
                return cls(candidate.absolute())
        raise UsageError(f"no run at {path} (nor {runs / path}): see `stigmergy runs`")

    def write(self, name: str, data: dict[str, Any]) -> None:
        """Write one JSON file, whole or not at all. Raises: StorageFull."""
        target = self.path / name
        draft = target.with_suffix(".tmp")
        try:
            draft.write_text(json.dumps(data, indent=2, default=str) + "\n", encoding="utf-8")
            draft.replace(target)
        except OSError as why:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            if why.errno not in NO_ROOM:
                raise
            raise StorageFull(
                f"{target} could not be written, because no space is left on its disk: free some, then go on"
            ) from None

    def read(self, name: str) -> dict[str, Any]:
        """One JSON file, empty when there is none that can be read: see `fault`."""
        try:
            data = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}

    def fault(self, name: str) -> str:
        """What is wrong with one JSON file, ``is missing`` or ``is damaged``; empty when it says something."""
        if self.read(name):
            return ""
        return "is damaged" if (self.path / name).exists() else "is missing"
