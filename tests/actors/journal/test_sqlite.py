"""The SQLite journal keeps the contract; and what only a journal in files can get wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stigmergy.actors.journal import Room, SqliteJournal
from stigmergy.actors.journal.database import insert
from stigmergy.protocols.errors import JournalCorrupt, JournalError, JournalLocked, StorageFull, UsageError
from tests.actors.journal.stores import ENDS, SqliteStore, contents, image
from tests.contracts.journal_contract import ONE, THREE, JournalContract, fill_with

RAY_SESSION = "session_2026-11-20_10-11-12_123456_789"


class TestSqliteJournal(JournalContract):
    @pytest.fixture
    def new_store(self, tmp_path: Path):
        numbers = iter(range(10_000))
        return lambda: SqliteStore(tmp_path / f"store {next(numbers)}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "demo" / "journal.db"


def write(path: Path, *batches, **options) -> None:
    journal = SqliteJournal.open(path, **options)
    fill_with(journal, *batches)
    journal.close()


def test_files_are_private_and_so_are_the_folders_made_for_them(path: Path):
    old = os.umask(0)
    try:
        journal = SqliteJournal.open(path)
        fill_with(journal, THREE)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        journal.close()
    finally:
        os.umask(old)
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db.mark", "journal.db.lock"), 0o600)
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parents[1])} == {0o700}


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path):
    tmp_path.chmod(0o755)
    write(tmp_path / "journal.db", ONE)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_closed_journal_leaves_no_log_behind(path: Path):
    write(path, THREE)
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal.db", "journal.db.lock", "journal.db.mark"]


def test_the_holder_of_the_lock_is_named(path: Path):
    code = (
        "import sys; from stigmergy.actors.journal import SqliteJournal\n"
        "journal = SqliteJournal.open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(JournalLocked, match=rf"in use by process {holder.pid} on host \S+; stop that run first"):
            SqliteJournal.open(path)
        holder.kill()
        holder.wait()
    write(path, ONE)


def test_without_its_lock_file_a_journal_still_takes_one_writer(path: Path):
    first = SqliteJournal.open(path)
    fill_with(first, ONE)
    Path(f"{path}.lock").unlink()
    with pytest.raises(JournalLocked, match="database is locked"):
        SqliteJournal.open(path)
    first.close()


def test_one_journal_by_two_names_has_one_lock(path: Path, tmp_path: Path):
    first = SqliteJournal.open(path)
    (tmp_path / "alias").symlink_to(path.parent)
    with pytest.raises(JournalLocked):
        SqliteJournal.open(tmp_path / "alias" / "journal.db")
    first.close()


def test_a_disk_near_its_end_refuses_batches_but_is_read_and_closed(path: Path):
    disk = os.statvfs(path.parents[2])
    free = disk.f_bavail * disk.f_frsize
    write(path, THREE)
    journal = SqliteJournal.open(path, room=Room(min_bytes=2 * free))
    with pytest.raises(StorageFull, match=r"MiB are free .* nothing was written; free some space"):
        journal.append(ONE, 1.0, journal.take_epoch())
    assert len(list(journal.read())) == 3
    journal.close()


@pytest.mark.parametrize(
    ("room", "refused"),
    [
        (Room(min_bytes=0, min_ratio=1.0, ratio_cap_bytes=2**62), True),
        (Room(min_bytes=0, min_ratio=1.0, ratio_cap_bytes=1), False),
        (Room(min_bytes=0, min_ratio=0.0), False),
    ],
    ids=["a share of the disk", "a capped share", "no reserve"],
)
def test_the_reserve_is_a_share_of_the_disk_with_a_cap(tmp_path: Path, room: Room, refused: bool):
    try:
        room.check(tmp_path, 1)
    except StorageFull:
        assert refused
    else:
        assert not refused


def test_a_batch_larger_than_what_is_free_is_refused_before_it_is_written(tmp_path: Path):
    with pytest.raises(StorageFull):
        Room(min_bytes=0, min_ratio=0.0).check(tmp_path, 2**60)


@pytest.mark.parametrize(
    "name",
    ["journal.db", "with space.db", "per%20cent.db", "what?.db", "#1.db", "schwärm.db", "mode=ro&x.db", "'q'.db"],
)
def test_any_file_name_is_fine(tmp_path: Path, name: str):
    write(tmp_path / name, THREE)
    journal = SqliteJournal.open(image(tmp_path / name, tmp_path / "copy"))
    assert journal.last_seq == 3
    journal.close()
    assert {file.name for file in (tmp_path / "copy").iterdir()} == {name, f"{name}.mark", f"{name}.lock"}


def test_a_relative_path_means_the_folder_at_the_time_of_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    journal = SqliteJournal.open("runs/journal.db")
    monkeypatch.chdir("/")
    fill_with(journal, ONE)
    journal.close()
    assert (tmp_path / "runs" / "journal.db").exists()


@pytest.mark.parametrize(
    ("where", "advice"),
    [
        ("", "name a file"),
        ("bad\0name", "name a file"),
        ("folder", r"is a folder; name a file in it, for example \S+journal.db"),
        ("folder/new/", "is a folder; name a file in it"),
        ("file/journal.db", "is not a folder; choose another"),
        ("file/deeper/journal.db", "choose another"),
        ("pipe", "not a regular file"),
        ("n" * 300, "choose another"),
        (f"{RAY_SESSION}/runtime_resources/x/journal.db", "session folder of Ray.*absolute path outside"),
    ],
)
def test_a_path_that_cannot_work_is_refused_in_one_line(tmp_path: Path, monkeypatch, where: str, advice: str):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / RAY_SESSION).mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=advice) as refusal:
        SqliteJournal.open(where)
    assert "\n" not in str(refusal.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder", "pipe", RAY_SESSION]


def test_a_relative_path_from_inside_a_ray_session_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / RAY_SESSION).mkdir()
    monkeypatch.chdir(tmp_path / RAY_SESSION)
    with pytest.raises(UsageError, match="session folder of Ray"):
        SqliteJournal.open("journal.db")
    assert list(Path.cwd().iterdir()) == []


@pytest.fixture
def somebody_else():
    """Root may write everywhere, so these tests give root up."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(somebody_else):
    folder = Path("/usr/lib")
    with pytest.raises(UsageError, match=r"Permission denied; choose a folder that this user can write"):
        SqliteJournal.open(folder / "journal.db")
    with pytest.raises(UsageError, match=r"cannot create the folder .* Permission denied; choose another"):
        SqliteJournal.open(folder / "new" / "journal.db")


@pytest.mark.parametrize(
    "foreign", [b"", b"some text, and no database at all" * 10, None], ids=["empty", "text", "sqlite"]
)
def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path, foreign: bytes | None):
    path = tmp_path / "precious.db"
    if foreign is None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE entry (seq INTEGER PRIMARY KEY)")
        connection.close()
    else:
        path.write_bytes(foreign)
    before = contents(tmp_path)
    with pytest.raises(JournalError, match="not a journal of this project; it was left alone"):
        SqliteJournal.open(path)
    assert contents(tmp_path) == before


def test_an_unknown_durability_is_refused(path: Path):
    with pytest.raises(UsageError, match="use 'fsync' or 'process'"):
        SqliteJournal.open(path, durability="maybe")


def test_durability_for_the_process_only_keeps_the_same_entries(path: Path, tmp_path: Path):
    journal = SqliteJournal.open(path, durability="process")
    fill_with(journal, THREE)
    copy = image(path, tmp_path / "killed")
    journal.close()
    for each in (path, copy):
        journal = SqliteJournal.open(each)
        assert journal.last_seq == 3
        journal.close()


def test_a_journal_of_a_later_version_is_refused_and_not_touched(path: Path):
    write(path, THREE)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE format SET version = 2")
    connection.execute("ALTER TABLE entry ADD COLUMN colour TEXT")
    connection.commit()
    connection.close()
    before = contents(path.parent)
    with pytest.raises(JournalError, match=r"later version .*format 2, this one knows 1.*upgrade") as refusal:
        SqliteJournal.open(path)
    assert not isinstance(refusal.value, JournalCorrupt)
    assert contents(path.parent) == before


def test_other_tables_under_the_same_version_are_damage(path: Path):
    write(path, THREE)
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE entry ADD COLUMN colour TEXT")
    connection.close()
    with pytest.raises(JournalCorrupt, match="its tables are not those of a journal"):
        SqliteJournal.open(path)


def test_a_batch_that_fails_in_its_middle_is_taken_back_whole(path: Path):
    journal = SqliteJournal.open(path)
    fill_with(journal, THREE)
    connection = journal._connection
    row = connection.execute("SELECT * FROM entry WHERE seq = 3").fetchone()
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, [(4, *row[1:]), (5, *row[1:]), row])
    assert not connection.in_transaction
    assert connection.execute("SELECT max(seq) FROM entry").fetchone() == (3,)
    journal.close()


@pytest.mark.parametrize(
    "left",
    [
        (),
        (".mark.new",),
        (".mark",),
        (".mark", ".new"),
        (".mark", ".new", ".new-journal"),
        (".mark", ".new", ".new-wal"),
    ],
    ids="then".join,
)
def test_a_start_that_was_interrupted_is_started_again(path: Path, left: tuple[str, ...]):
    SqliteJournal.open(path).close()
    mark = Path(f"{path}.mark").read_bytes()
    for file in path.parent.iterdir():
        if file.suffix != ".lock":
            file.unlink()
    for end in left:
        Path(f"{path}{end}").write_bytes(mark if end == ".mark" else b"half")
    write(path, ONE)
    journal = SqliteJournal.open(path)
    assert journal.last_seq == 1
    journal.close()
    assert not list(path.parent.glob("*.new*"))


def test_the_log_is_moved_into_the_database_now_and_then(path: Path):
    journal = SqliteJournal.open(path)
    epoch = journal.take_epoch()
    batch = [("blob", {"bytes": os.urandom(4 * 2**20)})]
    for _ in range(12):
        journal.append(batch, 1.0, epoch)
    assert Path(f"{path}-wal").stat().st_size < 24 * 2**20
    assert path.stat().st_size > 24 * 2**20
    journal.close()


def test_what_a_killed_writer_left_is_out_of_the_log_before_it_is_served(path: Path, tmp_path: Path):
    first = SqliteJournal.open(path)
    fill_with(first, THREE)
    killed = image(path, tmp_path / "killed")
    first.close()
    second = SqliteJournal.open(killed)
    power_failed = image(killed, tmp_path / "power failed")
    second.close()
    Path(f"{power_failed}-wal").unlink()
    third = SqliteJournal.open(power_failed)
    assert third.last_seq == 3
    third.close()


def test_a_journal_whose_folder_is_deleted_acknowledges_nothing_more(path: Path):
    journal = SqliteJournal.open(path)
    epoch = fill_with(journal, THREE)
    shutil.rmtree(path.parent)
    for _ in range(2):
        with pytest.raises(JournalError, match=r"is gone .*read-only now"):
            journal.append(ONE, 1.0, epoch)
    journal.close()


@pytest.mark.parametrize("first", ["append", "take_epoch"])
def test_when_the_mark_cannot_be_written_the_committed_batch_is_the_last_one(path: Path, first: str):
    journal = SqliteJournal.open(path)
    epoch = fill_with(journal, THREE)
    with Path(os.devnull).open("rb") as unwritable:
        os.dup2(unwritable.fileno(), journal._mark._file.fileno())
    if first == "append":
        assert journal.append(ONE, 1.0, epoch) == 4
    with pytest.raises(JournalError, match=r"mark could not be written \(Bad file descriptor\); .* read-only now"):
        journal.take_epoch()
    with pytest.raises(JournalError, match="read-only now"):
        journal.append(ONE, 1.0, epoch)
    assert len(list(journal.read())) == journal.last_seq
    journal.close()
    journal = SqliteJournal.open(path)
    assert (journal.last_seq, journal.epoch) == (4 if first == "append" else 3, epoch)
    journal.close()


def test_a_journal_may_move_between_threads(path: Path):
    journal = SqliteJournal.open(path)
    epoch = journal.take_epoch()
    for n in range(3):
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(journal.append, ONE, 1.0, epoch).result() == n + 1
    journal.close()


def test_every_file_that_a_crash_leaves_is_known_to_these_tests(path: Path):
    journal = SqliteJournal.open(path)
    fill_with(journal, ONE)
    assert {file.name for file in path.parent.iterdir()} == {f"journal.db{end}" for end in (*ENDS, ".lock")}
    journal.close()


@pytest.mark.parametrize("end", ["", "-wal", ".mark"])
@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_acknowledged_once_a_file_of_the_journal_has_lost_its_name(tmp_path, end, replaced):
    journal = SqliteJournal.open(tmp_path / "journal.db")
    epoch = journal.take_epoch()
    for n in range(2):
        journal.append([("a", {"n": n})], 1.0, epoch)
    lost = tmp_path / f"journal.db{end}"
    lost.rename(tmp_path / "elsewhere")
    if replaced:
        shutil.copy(tmp_path / "elsewhere", lost)
    with pytest.raises(JournalError, match=f"{lost.name} is gone, or another file has its name"):
        journal.append([("a", {"n": 2})], 1.0, epoch)
    journal.close()
