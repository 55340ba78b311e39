"""Disks that are full, limited or failing: refused in time, nothing half written, and said in one line."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stigmergy.actors.journal import SqliteJournal
from tests.actors.journal import programs
from tests.actors.journal.programs import SYSCALLS, batch
from tests.forking import Forker

Require = Callable[[object, str], None]


def run(forker: Forker, *words: str | Path) -> list[str]:
    """What a program printed; it must end well."""
    with forker.start(Path.cwd(), [programs.__file__, *words]) as done:
        out, err = done.communicate()
    assert (done.returncode, err) == (0, "")
    return out.splitlines()


def last_acked(lines: list[str]) -> int:
    return max(int(line.split()[1]) for line in lines if line.startswith("acked"))


def data(journal: SqliteJournal) -> list[object]:
    found = [(entry.kind, entry.data) for entry in journal.read()]
    journal.close()
    return list(found)


def test_a_file_size_limit_is_a_full_disk_that_can_be_mended(disk: Path, forker: Forker):
    path = disk / "journal.db"
    lines = run(forker, "reach_a_file_size_limit", path)
    full = [line for line in lines if line.startswith("full")]
    assert len(full) == 3
    assert all("nothing was kept; free some space, then go on" in line for line in full)
    assert data(SqliteJournal.open(path)) == batch(0, last_acked(lines))


def test_a_disk_that_runs_full_is_met_by_the_reserve_first_and_survived_without(disk: Path, require: Require):
    unshare, mount = shutil.which("unshare"), shutil.which("mount")
    inside = (
        *((unshare or "unshare", "--mount") if os.geteuid() == 0 else (unshare or "unshare", "-Urm")),
        "sh",
        "-ec",
    )
    mounting = f'mount -t tmpfs -o size=6m tmpfs "{disk}"'
    works = unshare and mount and subprocess.run([*inside, mounting], capture_output=True, check=False).returncode == 0
    require(works, "a small file system of its own (unshare, mount)")
    command = [*inside, f'{mounting}; exec "$@"', "sh", sys.executable, programs.__file__, "fill_a_small_disk"]
    done = subprocess.run([*command, disk / "journal.db"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    full = [line for line in lines if line.startswith("full")]
    assert "kept in reserve" in full[0]
    assert any("the disk refused to write after entry" in line for line in full[1:])
    assert lines[-1] == f"reopened {last_acked(lines)}"


def with_failing_calls(forker: Forker, require: Require, *words: str | Path) -> list[str]:
    require(sys.platform == "linux" and platform.machine() in SYSCALLS, "Linux on a processor with known call numbers")
    lines = run(forker, *words)
    require(not any(line.startswith("unsupported") for line in lines), "a kernel that lets a process filter its calls")
    return lines


def test_after_a_failed_sync_nothing_is_acknowledged_any_more(disk: Path, require: Require, forker: Forker):
    path = disk / "journal.db"
    lines = with_failing_calls(forker, require, "lose_the_disk", path)
    assert lines[0] == "acked 3"
    assert lines[3:] == ["read 1 2 3"]
    for line in lines[1:3]:
        assert line.startswith("refused JournalError")
        assert "SQLITE_IOERR_FSYNC" in line
        assert "the journal is read-only now: end this process and open it again" in line
    journal = SqliteJournal.open(path)
    assert journal.last_seq in (3, 8)  # the refused batch is there whole, or not at all
    assert data(journal) == batch(0, journal.last_seq)


def test_a_failed_sync_while_the_log_is_moved_stops_the_next_batch(disk: Path, require: Require, forker: Forker):
    path = disk / "journal.db"
    lines = with_failing_calls(forker, require, "lose_the_disk_while_moving_the_log", path)
    assert lines[:2] == ["acked 3", "acked 6"]
    assert len(lines) == 4
    assert all(line.startswith("refused JournalError a checkpoint failed") for line in lines[2:])
    assert data(SqliteJournal.open(path)) == batch(0, 6)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO], ids=errno.errorcode.get)
def test_a_write_that_the_disk_refuses_keeps_nothing(disk: Path, require: Require, number: int, forker: Forker):
    path = disk / "journal.db"
    lines = with_failing_calls(forker, require, "write_to_a_failing_disk", path, str(number))
    assert lines[0] == "acked 3"
    assert lines[1].startswith("refused StorageFull the disk refused to write after entry 3")
    assert lines[2:] == ["read 1 2 3"]
    assert data(SqliteJournal.open(path)) == batch(0, 3)
