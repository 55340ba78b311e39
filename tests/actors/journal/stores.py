"""A SQLite journal as the contract wants it, and helpers to look at its files."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from stigmergy.actors.journal import Room, SqliteJournal
from tests.contracts.journal_contract import JournalStore

ENDS = ("", "-wal", ".mark")
NO_RESERVE = Room(min_bytes=0, min_ratio=0.0)


def image(path: Path, folder: Path) -> Path:
    """What kill -9 would leave of the journal at ``path`` right now: its files as the kernel has them."""
    folder.mkdir(parents=True)
    for end in ENDS:
        if (source := Path(f"{path}{end}")).exists():
            shutil.copyfile(source, folder / f"{path.name}{end}")
    return folder / path.name


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


class SqliteStore(JournalStore):
    def __init__(self, folder: Path):
        self.path = folder / "0" / "journal.db"
        self.journal: SqliteJournal | None = None
        self.crashes = 0

    def open(self) -> SqliteJournal:
        journal = SqliteJournal.open(self.path, room=NO_RESERVE)
        self.journal = journal
        return journal

    def crash(self):
        self.crashes += 1
        path = image(self.path, self.path.parents[1] / str(self.crashes))
        assert self.journal is not None
        self.journal.close()
        self.path = path

    def fill(self):
        (pages,) = self._execute("PRAGMA page_count")
        self._execute(f"PRAGMA max_page_count={pages}")

    def free(self):
        self._execute("PRAGMA max_page_count=1000000000")

    def lose(self, entries: int):
        connection = sqlite3.connect(self.path)
        connection.execute("DELETE FROM entry WHERE seq > (SELECT max(seq) - ? FROM entry)", (entries,))
        connection.commit()
        connection.close()

    def _execute(self, sql: str) -> tuple[int]:
        assert self.journal is not None
        found: tuple[int] = self.journal._connection.execute(sql).fetchone()
        return found
