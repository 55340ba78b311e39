"""Damage to a journal's files is reported with figures, or does no harm. It is never served as truth."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from stigmergy.actors.journal import Entry, SqliteJournal
from stigmergy.actors.journal.mark import MarkFile, read_mark
from stigmergy.actors.journal.records import Encoder, Tail
from stigmergy.protocols.errors import JournalCorrupt
from tests.actors.journal.stores import contents, image
from tests.contracts.journal_contract import ONE, fill_with
from tests.depth import depth

ENTRIES = 200


def batch(number: int) -> list[tuple[str, dict[str, object]]]:
    return [("facts.put", {"n": number, "text": "x" * 250})]


def written(path: Path, *, moved_at: int | None) -> SqliteJournal:
    """An open journal with 200 entries in 200 commits; the log was moved into the database after ``moved_at``."""
    journal = SqliteJournal.open(path)
    epoch = journal.take_epoch()
    for n in range(ENTRIES):
        journal.append(batch(n), 1.5, epoch)
        if n == moved_at:
            journal._checkpoint()
    return journal


@pytest.fixture(scope="module")
def live(ramdisk: Path):
    """A journal that is open, one half in the database and the other in the log."""
    path = ramdisk / "live" / "journal.db"
    journal = written(path, moved_at=ENTRIES // 2)
    yield path
    journal.close()


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """What a kill -9 leaves before anything was moved: all is in the log."""
    journal = written(tmp_path / "live" / "journal.db", moved_at=None)
    path = image(tmp_path / "live" / "journal.db", tmp_path / "logged")
    journal.close()
    return path


@pytest.fixture(scope="module")
def truth(live: Path, ramdisk: Path) -> list[Entry]:
    journal = SqliteJournal.open(image(live, ramdisk / "truth"))
    entries = list(journal.read())
    journal.close()
    assert len(entries) == ENTRIES
    return entries


@pytest.fixture
def killed(live: Path, tmp_path: Path) -> Path:
    """What a kill -9 leaves: database, log and mark."""
    return image(live, tmp_path / "killed")


@pytest.fixture
def closed(killed: Path) -> Path:
    """What a clean end leaves: database and mark."""
    SqliteJournal.open(killed).close()
    return killed


def beside(path: Path, end: str) -> Path:
    return Path(f"{path}{end}")


def cut(path: Path, keep: float, less: int = 0) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(size * keep) - less)


def test_a_log_cut_by_one_byte_costs_one_entry_and_that_is_said(logged: Path, truth: list[Entry]):
    cut(beside(logged, "-wal"), 1, less=1)
    with pytest.raises(JournalCorrupt, match="the last 1 of 200 acknowledged entries are missing"):
        SqliteJournal.open(logged)
    view = SqliteJournal.open_readonly(logged, intact_prefix=True)
    assert list(view.read()) == truth[:-1]
    view.close()


def test_a_log_cut_to_sixty_percent_is_reported_with_the_number_of_lost_entries(logged: Path, truth: list[Entry]):
    cut(beside(logged, "-wal"), 0.6)
    with pytest.raises(JournalCorrupt, match=r"of 200 acknowledged entries (are missing|cannot be read)"):
        SqliteJournal.open(logged)
    view = SqliteJournal.open_readonly(logged, intact_prefix=True)
    entries = list(view.read())
    assert f"the last {ENTRIES - len(entries)} of 200" in view.damage
    assert entries == truth[: len(entries)]
    view.close()


def test_a_log_without_its_last_commit_is_reported_even_when_it_was_a_single_one(tmp_path: Path):
    journal = SqliteJournal.open(tmp_path / "journal.db")
    fill_with(journal, ONE)
    path = image(tmp_path / "journal.db", tmp_path / "killed")
    journal.close()
    beside(path, "-wal").write_bytes(b"")
    with pytest.raises(JournalCorrupt, match="the last 1 of 1 acknowledged entries are missing"):
        SqliteJournal.open(path)


def test_a_deleted_log_is_reported_with_what_was_in_it(killed: Path):
    beside(killed, "-wal").unlink()
    with pytest.raises(JournalCorrupt, match="the last 99 of 200 acknowledged entries are missing"):
        SqliteJournal.open(killed)


def test_a_deleted_database_is_no_fresh_start(killed: Path):
    killed.unlink()
    with pytest.raises(JournalCorrupt, match="the database is missing, and with it 200 acknowledged entries"):
        SqliteJournal.open(killed)
    with pytest.raises(JournalCorrupt, match="the database is missing"):
        SqliteJournal.open_readonly(killed)


def test_a_log_without_database_and_mark_is_no_fresh_start(killed: Path):
    killed.unlink()
    beside(killed, ".mark").unlink()
    for _ in range(2):
        with pytest.raises(JournalCorrupt, match="the database is missing"):
            SqliteJournal.open(killed)
    assert beside(killed, "-wal").stat().st_size > 0


def test_a_deleted_mark_is_reported(closed: Path, truth: list[Entry]):
    beside(closed, ".mark").unlink()
    with pytest.raises(JournalCorrupt, match=r"mark journal.db.mark is missing"):
        SqliteJournal.open(closed)
    view = SqliteJournal.open_readonly(closed, intact_prefix=True)
    assert (list(view.read()), bool(view.damage)) == (truth, True)
    view.close()


def test_an_older_copy_of_the_database_is_noticed(killed: Path, tmp_path: Path):
    older = image(killed, tmp_path / "backup")
    SqliteJournal.open(older).close()
    journal = SqliteJournal.open(killed)
    fill_with(journal, ONE, ONE)
    journal.close()
    shutil.copyfile(older, killed)
    with pytest.raises(JournalCorrupt, match="the last 2 of 202 acknowledged entries are missing"):
        SqliteJournal.open(killed)


def test_the_database_of_another_run_is_noticed(closed: Path, tmp_path: Path):
    other = SqliteJournal.open(tmp_path / "other" / "journal.db")
    fill_with(other, *([ONE] * ENTRIES))
    other.close()
    shutil.copyfile(tmp_path / "other" / "journal.db", closed)
    with pytest.raises(JournalCorrupt, match="entry 200 is not the one that was acknowledged"):
        SqliteJournal.open(closed)


def test_a_damaged_journal_stays_as_it_was_found(logged: Path):
    cut(beside(logged, "-wal"), 0.6)
    before = contents(logged.parent)
    for _ in range(2):
        with pytest.raises(JournalCorrupt, match="the files were left as they are"):
            SqliteJournal.open(logged)
    after = contents(logged.parent)
    assert after.pop("journal.db.lock") == b""
    assert after == before


def test_a_flipped_bit_in_a_body_names_the_entry(closed: Path, truth: list[Entry]):
    flip(closed, closed.read_bytes().index(b"x" * 250) * 8 + 77)
    with pytest.raises(JournalCorrupt, match=r"entry \d+ is damaged \(its checksum differs\); \d+ of 200"):
        SqliteJournal.open(closed)
    view = SqliteJournal.open_readonly(closed, intact_prefix=True)
    entries = list(view.read())
    assert view.damage.startswith(f"entry {len(entries) + 1} is damaged")
    assert entries == truth[: len(entries)]
    view.close()


def test_a_sound_entry_of_another_history_is_no_substitute(closed: Path):
    strange = Encoder().rows([("facts.put", {"n": 6, "text": "y" * 250})], Tail(6, b"elsewhere"), 1.5, 1)[0]
    connection = sqlite3.connect(closed)
    connection.execute("REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", strange)
    connection.commit()
    connection.close()
    with pytest.raises(
        JournalCorrupt, match=r"entry 7 does not continue entry 6 \(the hash chain is broken\); 194 of 200"
    ):
        SqliteJournal.open(closed)


def test_a_bit_that_flips_while_the_journal_is_open_stops_reading_and_writing(killed: Path, truth: list[Entry]):
    journal = SqliteJournal.open(killed)
    epoch = journal.take_epoch()
    journal._connection.execute("UPDATE entry SET body = zeroblob(length(body)) WHERE seq = 7")
    reading = journal.read()
    assert [next(reading) for _ in range(6)] == truth[:6]
    with pytest.raises(JournalCorrupt, match=r"entry 7 is damaged.*restore a backup"):
        next(reading)
    with pytest.raises(JournalCorrupt, match="entry 7 "):
        list(journal.read(kinds="no such kind"))
    assert [entry.seq for entry in journal.read(after=7)] == list(range(8, 201))
    with pytest.raises(Exception, match="read-only"):
        journal.append(ONE, 1.0, epoch)
    journal.close()


def test_rows_that_vanish_while_the_journal_is_open_are_missed(killed: Path):
    journal = SqliteJournal.open(killed)
    journal._connection.execute("DELETE FROM entry WHERE seq BETWEEN 50 AND 59")
    with pytest.raises(JournalCorrupt, match="entries 50 to 59 are missing"):
        list(journal.read())
    with pytest.raises(JournalCorrupt, match="entry 55 is damaged or missing"):
        list(journal.read(after=55))
    journal._connection.execute("DELETE FROM entry WHERE seq > 190")
    with pytest.raises(JournalCorrupt, match="entries 191 to 200 are missing"):
        list(journal.read(after=100))
    journal.close()


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def outcome(path: Path, truth: list[Entry]) -> str:
    """``detected`` or ``intact``; anything else fails the test. An intact journal also goes on as if nothing was."""
    try:
        journal = SqliteJournal.open(path)
    except JournalCorrupt:
        return "detected"
    assert list(journal.read()) == truth
    assert journal.epoch == 1
    epoch = journal.take_epoch()
    assert journal.append(batch(ENTRIES), 1.5, epoch) == ENTRIES + 1
    journal.close()
    journal = SqliteJournal.open(path)
    assert [*truth, *journal.read(after=ENTRIES)] == list(journal.read())
    journal.close()
    return "intact"


def each_flip(source: Path, end: str, seed: int, tries: int, truth: list[Entry], folder: Path) -> dict[str, int]:
    rng = random.Random(seed)
    found = {"detected": 0, "intact": 0}
    for number in range(tries):
        path = image(source, folder / str(number))
        flip(beside(path, end), rng.randrange(beside(path, end).stat().st_size * 8))
        found[outcome(path, truth)] += 1
        shutil.rmtree(path.parent)
    return found


@pytest.mark.parametrize(("end", "seed"), [("", 1), ("-wal", 2), (".mark", 3)])
def test_no_flipped_bit_goes_unnoticed_after_a_kill(live, truth, tmp_path: Path, end: str, seed: int):
    found = each_flip(live, end, seed, depth(25, 60), truth, tmp_path / "flips")
    assert found["detected"] or end != "-wal"


def test_no_flipped_bit_goes_unnoticed_in_a_closed_journal(closed: Path, truth, tmp_path: Path):
    found = each_flip(closed, "", 4, depth(40, 80), truth, tmp_path / "flips")
    assert found["detected"] > found["intact"]


def test_no_flipped_bit_in_the_first_hundred_bytes_goes_unnoticed(closed: Path, truth, tmp_path: Path):
    """The header of a database steers everything else in it."""
    for byte in range(100):
        path = image(closed, tmp_path / str(byte))
        flip(path, byte * 8 + byte % 8)
        assert outcome(path, truth) in {"detected", "intact"}


@pytest.mark.parametrize("end", ["", "-wal"])
def test_no_cut_goes_unnoticed(live, truth, tmp_path: Path, end: str):
    rng = random.Random(5)
    for number in range(30):
        path = image(live, tmp_path / str(number))
        cut(beside(path, end), rng.random())
        assert outcome(path, truth) == "detected" or end == ""


def test_no_zeroed_page_goes_unnoticed(closed: Path, truth, tmp_path: Path):
    pages = closed.stat().st_size // 4096
    for page in range(pages):
        path = image(closed, tmp_path / str(page))
        with path.open("r+b") as file:
            file.seek(page * 4096)
            file.write(bytes(4096))
        assert outcome(path, truth) == "detected"


@pytest.fixture
def marked(closed: Path) -> Callable[[int], None]:
    def spoil(offset: int) -> None:
        flip(beside(closed, ".mark"), offset * 8 + 100)

    return spoil


def test_one_spoilt_slot_of_the_mark_takes_no_epoch_back(closed: Path, marked: Callable[[int], None]):
    journal = SqliteJournal.open(closed)
    assert journal.take_epoch() == 2
    killed = image(closed, closed.parent / "killed")
    journal.close()
    for slot in (0, 512):
        path = image(killed, closed.parent / f"slot {slot}")
        flip(beside(path, ".mark"), slot * 8 + 100)
        journal = SqliteJournal.open(path)
        assert journal.epoch == 2
        journal.close()


def test_after_a_power_failure_the_mark_is_at_most_256_commits_old(tmp_path: Path):
    journal = written(tmp_path / "live" / "journal.db", moved_at=None)
    for _ in range(100):
        journal.append(ONE, 1.5, journal.epoch)
    path = beside(image(tmp_path / "live" / "journal.db", tmp_path / "failed"), ".mark")
    journal.close()
    assert read_mark(path).seq == 300
    working = next(slot for slot in (0, 512) if read_slot(path, slot) == 300)
    flip(path, working * 8 + 100)
    assert read_mark(path).seq == 256


def read_slot(path: Path, slot: int) -> int:
    return int.from_bytes(path.read_bytes()[slot + 8 : slot + 16], "little")


def test_a_mark_without_a_readable_slot_is_reported(closed: Path, truth, marked: Callable[[int], None]):
    marked(0)
    marked(512)
    with pytest.raises(JournalCorrupt, match=r"journal.db.mark is damaged"):
        SqliteJournal.open(closed)
    view = SqliteJournal.open_readonly(closed, intact_prefix=True)
    assert list(view.read()) == truth
    view.close()


def test_a_torn_mark_falls_back_to_the_one_that_was_synced(tmp_path: Path):
    MarkFile.create(tmp_path / "mark")
    mark = MarkFile(tmp_path / "mark")
    synced = mark.value._replace(seq=10, epoch=1)
    mark.write(synced)
    mark.sync()
    mark.write(synced._replace(seq=11))
    mark.write(synced._replace(seq=12))
    mark.close()
    raw = (tmp_path / "mark").read_bytes()
    newest = max((0, 512), key=lambda slot: read_slot(tmp_path / "mark", slot))
    (tmp_path / "mark").write_bytes(raw[: newest + 20] + b"\xff" * 8 + raw[newest + 28 :])
    mark = MarkFile(tmp_path / "mark")
    assert mark.value == synced
    mark.close()
