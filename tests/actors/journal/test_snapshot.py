"""Looking into a journal changes nothing, whoever has it open."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from stigmergy.actors.journal import Journal, SqliteJournal, mark, snapshot
from stigmergy.protocols.errors import JournalCorrupt, JournalError, JournalLocked, UsageError
from tests.actors.journal import programs
from tests.actors.journal.programs import batch
from tests.actors.journal.stores import contents, image
from tests.contracts.journal_contract import THREE, content, fill_with
from tests.depth import depth
from tests.forking import Forker


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    journal = SqliteJournal.open(tmp_path / "runs" / "journal.db")
    fill_with(journal, THREE)
    journal.close()
    return tmp_path / "runs" / "journal.db"


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    journal = SqliteJournal.open(tmp_path / "live" / "journal.db")
    fill_with(journal, THREE)
    path = image(tmp_path / "live" / "journal.db", tmp_path / "killed")
    journal.close()
    return path


@pytest.mark.parametrize("state", ["closed", "killed"])
def test_a_view_shows_everything_and_leaves_every_file_alone(tmp_path: Path, state: str, request):
    path: Path = request.getfixturevalue(state)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = contents(path.parent)
    view = SqliteJournal.open_readonly(path, scratch=scratch)
    assert [seq for seq, _, _ in content(view)] == [1, 2, 3]
    assert content(view, after=1, kinds="facts.") == [(3, "facts.drop", {"n": 3})]
    assert (view.last_seq, view.epoch, view.damage) == (3, 1, "")
    assert contents(path.parent) == before
    view.close()
    assert contents(path.parent) == before
    assert list(scratch.iterdir()) == []
    journal = SqliteJournal.open(path)
    assert journal.digest() == view.digest()
    journal.close()


def test_a_view_cannot_be_written(closed: Path):
    view: Journal = SqliteJournal.open_readonly(closed)
    for write in (view.take_epoch, lambda: view.append(THREE, 1.0, 1)):
        with pytest.raises(JournalError, match=r"for reading; open the journal itself"):
            write()
    view.close()
    view.close()
    with pytest.raises(JournalError, match="closed"):
        view.read()


def test_a_live_journal_is_viewed_again_and_again_while_it_is_written(disk: Path, forker: Forker):
    """The writer moves its log every 256 KiB, so without care many of these copies would be torn."""
    path = disk / "journal.db"
    with forker.start(disk, [programs.__file__, "write_for_ever", path]) as writer:
        seen = 0
        for _ in range(depth(5, 8)):
            for _ in range(20):
                line = writer.stdout.readline().split()
            view = SqliteJournal.open_readonly(path)
            assert view.last_seq >= int(line[1])
            assert [(entry.kind, entry.data) for entry in view.read(seen)] == batch(seen, view.last_seq - seen)
            seen = view.last_seq
            view.close()
        writer.kill()
    journal = SqliteJournal.open(path)
    assert journal.last_seq >= seen > 0
    journal.close()


def test_the_writing_process_itself_is_sent_to_its_own_journal(closed: Path):
    journal = SqliteJournal.open(closed)
    with pytest.raises(JournalLocked, match=r"this process itself writes journal .*; read from the open one"):
        SqliteJournal.open_readonly(closed)
    journal.close()
    SqliteJournal.open_readonly(closed).close()


def test_a_writer_that_was_stopped_in_the_middle_of_a_move_is_not_waited_for_for_ever(closed: Path, monkeypatch):
    monkeypatch.setattr(mark, "_LOCK_TRIES", 2)
    with Path(f"{closed}.mark").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(JournalLocked, match="does not answer"):
            SqliteJournal.open_readonly(closed)


def test_a_copy_in_the_making_keeps_the_log_from_being_moved_but_not_for_ever(closed: Path, monkeypatch):
    journal = SqliteJournal.open(closed)
    epoch = journal.take_epoch()
    log = Path(f"{closed}-wal")
    big = [("blob", {"bytes": bytes(17 * 2**20)})]
    with mark.copying(Path(f"{closed}.mark")):
        journal.append(big, 1.0, epoch)
        journal.append(big, 1.0, epoch)
        assert log.stat().st_size > 34 * 2**20
        assert closed.stat().st_size < 2**20
        monkeypatch.setattr("stigmergy.actors.journal.sqlite._PATIENCE_BYTES", 2**20)
        journal.append(THREE, 1.0, epoch)
        assert closed.stat().st_size > 34 * 2**20
    journal.close()


def test_a_writer_that_closes_in_the_middle_of_a_copy_leaves_no_hole_in_it(tmp_path: Path, monkeypatch):
    path = tmp_path / "live" / "journal.db"
    journal = SqliteJournal.open(path)
    fill_with(journal, THREE)
    copied = []

    def copy_then_close(source: Path, target: Path) -> None:
        shutil.copy(source, target)
        copied.append(source.name)
        journal.close()

    monkeypatch.setattr(snapshot, "shutil", SimpleNamespace(copyfile=copy_then_close))
    monkeypatch.setattr(snapshot, "is_held_here", lambda lock: False)
    view = SqliteJournal.open_readonly(path)
    assert view.last_seq == 3
    assert copied == ["journal.db", "journal.db"]
    view.close()


def test_what_is_not_there_or_not_a_journal_is_said_in_one_line(tmp_path: Path):
    with pytest.raises(UsageError, match="there is no journal at"):
        SqliteJournal.open_readonly(tmp_path / "nothing.db")
    (tmp_path / "text.db").write_text("not a database")
    with pytest.raises(JournalError, match="is not a journal of this project"):
        SqliteJournal.open_readonly(tmp_path / "text.db")
    assert [file.name for file in tmp_path.iterdir()] == ["text.db"]


def test_without_a_place_for_the_copy_the_way_out_is_named(closed: Path):
    with pytest.raises(JournalError, match="pass scratch= with room"):
        SqliteJournal.open_readonly(closed, scratch=closed.parent / "missing")


def test_a_damaged_journal_leaves_no_copy_behind(killed: Path, tmp_path: Path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    Path(f"{killed}-wal").write_bytes(b"")
    with pytest.raises(JournalCorrupt, match="the last 3 of 3"):
        SqliteJournal.open_readonly(killed, scratch=scratch)
    assert list(scratch.iterdir()) == []
