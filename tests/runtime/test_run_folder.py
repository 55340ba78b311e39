"""Whether a run has begun: known after its first event, however long its journal is."""

from __future__ import annotations

import fcntl

import pytest

from stigmergy.actors.journal.port import Batch
from stigmergy.actors.journal.sqlite import SqliteJournal
from stigmergy.runtime.run_folder import RunFolder

READY: Batch = [("swarm.begin", {"run": "r"}), ("registry.join", {"host": "host-1"})]
EVENT: Batch = [("facts.write", {"changes": []})]


@pytest.fixture
def folder(tmp_path):
    return RunFolder.create(tmp_path, 0.0)


@pytest.fixture
def whole(monkeypatch):
    """How often a journal was read whole."""
    looks = []
    view = RunFolder.view

    def look(self, **how):
        looks.append(self)
        return view(self, **how)

    monkeypatch.setattr(RunFolder, "view", look)
    return looks


def write(folder, *batches):
    journal = SqliteJournal.open(folder.place)
    epoch = journal.take_epoch()
    for batch in batches:
        journal.append(batch, 1.0, epoch)
    return journal


def spoil(folder, text):
    file = folder.path / "journal.db"
    data = bytearray(file.read_bytes())
    data[data.index(text)] ^= 1
    file.write_bytes(data)


def test_one_event_tells_and_nothing_behind_it_is_read(folder, whole):
    write(folder, READY, EVENT, [("facts.write", {"changes": ["the very last"]})]).close()
    spoil(folder, b"the very last")
    before = sorted((file.name, file.read_bytes()) for file in folder.path.iterdir() if file.is_file())
    assert folder.has_begun()
    assert whole == []
    assert sorted((file.name, file.read_bytes()) for file in folder.path.iterdir() if file.is_file()) == before


def test_a_log_that_a_killed_writer_left_is_read_too(folder, whole):
    journal = write(folder, READY, EVENT)
    copy = RunFolder.create(folder.path.parent, 1.0)
    for name in ("journal.db", "journal.db-wal", "journal.db.mark", "journal.db.lock"):
        (copy.path / name).write_bytes((folder.path / name).read_bytes())
    journal.close()
    assert copy.has_begun()
    assert whole == []
    assert not (copy.path / "journal.db-shm").exists()


@pytest.mark.parametrize(("batches", "begun"), [([], False), ([READY], False), ([READY, EVENT], True)])
def test_one_that_somebody_has_open_is_copied(folder, whole, batches, begun):
    write(folder, *batches).close()
    with (folder.path / "journal.db.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert folder.has_begun() is begun
    assert len(whole) == 1


def test_what_was_only_got_ready_or_has_no_journal_has_not_begun(folder):
    assert not folder.has_begun()
    write(folder, READY).close()
    assert not folder.has_begun()


def test_what_is_damaged_before_any_event_may_have_held_it(folder):
    write(folder, READY).close()
    spoil(folder, b"host-1")
    assert folder.has_begun()
