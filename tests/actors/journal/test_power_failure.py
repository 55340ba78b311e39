"""The power fails at any moment of a writer's life: whatever the disk has made of its unsynced writes by then, what
was acknowledged under ``fsync`` is there."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stigmergy.actors.journal import SqliteJournal
from stigmergy.protocols.errors import JournalCorrupt
from tests.actors.journal import programs
from tests.actors.journal.killing import check
from tests.actors.journal.power import Deed, Disk, deeds
from tests.depth import depth

FAILURES = depth(25, 100)
"""Moments at which the power fails, of the few thousand that a recording has."""

ACKED = "acked"
"""The file in which the writer says what was acknowledged: so that comes in order with all it writes."""


@pytest.fixture(scope="module")
def recorder(tmp_path_factory, require) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or ""
    require(compiler and sys.platform == "linux", "no C compiler here: apt-get install gcc")
    library: Path = tmp_path_factory.mktemp("recorder") / "disk_recorder.so"
    source = Path(__file__).with_name("disk_recorder.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def recorded(recorder: Path, place: Path, durability: str) -> tuple[Path, list[Deed]]:
    """What a writer of 200 batches did to its disk."""
    root = (place / "disk").resolve()
    root.mkdir(parents=True)
    log = place / "log"
    env = {**os.environ, "LD_PRELOAD": str(recorder), "RECORD_ROOT": str(root), "RECORD_LOG": str(log)}
    command = [sys.executable, programs.__file__, "write_and_note", str(root / "journal.db"), durability]
    subprocess.run(command, env=env, check=True)
    return root, list(deeds(log))


def failures(root: Path, done: list[Deed], place: Path) -> Iterator[tuple[Path, int]]:
    """What power failures at random moments leave: a folder each, and the last number acknowledged before."""
    chance = random.Random(13)
    first = next(number for number, deed in enumerate(done) if deed.path.endswith(ACKED) and deed.what == "W")
    moments = set(chance.sample(range(first, len(done)), min(FAILURES, len(done) - first)))
    disk, acked = Disk(), 0
    for number, deed in enumerate(done):
        if number in moments:
            left = place / f"left-{number}"
            disk.fail(root, left, chance)
            yield left, acked
            shutil.rmtree(left)
        if deed.path.endswith(ACKED):
            acked = int(deed.data) if deed.what == "W" else acked
        else:
            disk.do(deed)


def test_what_was_acknowledged_survives_a_power_failure_at_any_moment(recorder, tmp_path):
    root, done = recorded(recorder, tmp_path, "fsync")
    assert {deed.what for deed in done} >= set("CWSD"), "the recorder saw too little"
    count = 0
    for left, acked in failures(root, done, tmp_path):
        journal = SqliteJournal.open(left / "journal.db", room=programs.NO_RESERVE)
        check(journal, acked)
        epoch = journal.take_epoch()
        assert epoch == 2, "an epoch was given twice"
        journal.append(programs.batch(journal.last_seq, 3), 2.5, epoch)
        journal.close()
        count += 1
    assert count == FAILURES


def test_a_writer_that_does_not_sync_loses_what_it_acknowledged_and_nearly_always_that_is_told(recorder, tmp_path):
    """The control: with ``process`` the same failures cost acknowledged entries, so they can be seen at all."""
    root, done = recorded(recorder, tmp_path, "process")
    lost = told = 0
    for left, acked in failures(root, done, tmp_path):
        try:
            journal = SqliteJournal.open(left / "journal.db", room=programs.NO_RESERVE)
        except JournalCorrupt:
            told += 1
        else:
            lost += journal.last_seq < acked
            journal.close()
    assert told > FAILURES // 2  # the mark itself may be of a moment before
    assert lost < FAILURES // 10
