"""A glance sees no damage where a whole reading sees none."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from stigmergy.actors.journal import SqliteJournal
from stigmergy.actors.journal.files import Files
from stigmergy.actors.journal.glance import glance
from tests.actors.journal.stores import image
from tests.contracts.journal_contract import THREE, fill_with


def test_a_writer_that_was_killed_while_it_moved_its_log_into_the_database_left_no_damage(tmp_path: Path):
    journal = SqliteJournal.open(tmp_path / "live" / "journal.db")
    fill_with(journal, [*THREE] * 1_000)
    killed = image(tmp_path / "live" / "journal.db", tmp_path / "killed")
    journal.close()
    moved = Path(shutil.copytree(killed.parent, tmp_path / "moved")) / killed.name
    with closing(sqlite3.connect(moved)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with killed.open("r+b") as file:
        file.write(moved.read_bytes()[:4096])  # the first page comes first
    with closing(SqliteJournal.open_readonly(killed)) as view:
        assert (view.last_seq, view.damage) == (3_000, "")
    assert glance(Files.at(killed)) == ""
    killed.with_name("journal.db-wal").unlink()
    assert "bytes too short" in glance(Files.at(killed))
