"""Whatever ends a writer, and whenever: what it acknowledged is there, whole and in order."""

from __future__ import annotations

import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from stigmergy.actors.journal import SqliteJournal, sqlite
from stigmergy.protocols.errors import JournalError
from tests.actors.journal.killing import check, kill_after
from tests.actors.journal.programs import batch
from tests.depth import depth
from tests.forking import Forker

ROUNDS = depth(5, 18)


def test_every_acknowledged_entry_survives_kill_9_at_any_moment(disk: Path, forker: Forker):
    rng = random.Random(1)
    path = disk / "journal.db"
    for round_ in range(1, ROUNDS + 1):
        acked, epoch = kill_after(forker, "write_for_ever", str(path), rng.choice((0, 1, 5, 40, 150)))
        assert epoch == round_
        if round_ % 3 == 0:
            journal = SqliteJournal.open(path)
            check(journal, acked)
            assert journal.epoch == epoch
            journal.close()
        else:
            view = SqliteJournal.open_readonly(path)
            assert view.last_seq >= acked
            view.close()


def append_until_interrupted(journal: SqliteJournal, epoch: int, after_s: float) -> int:
    """The last number that was acknowledged before the interrupt came."""
    acked = journal.last_seq
    with suppress(KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, after_s)
        while True:
            acked = journal.append(batch(journal.last_seq, 4), 1.5, epoch)
    return acked


def test_an_interrupt_at_any_moment_leaves_whole_batches_and_no_doubt(tmp_path: Path):
    rng = random.Random(2)
    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for number in range(depth(20, 40)):
            path = tmp_path / f"{number}.db"
            journal = SqliteJournal.open(path)
            epoch = journal.take_epoch()
            acked = append_until_interrupted(journal, epoch, rng.uniform(0.0001, 0.003))
            with suppress(JournalError):  # or it goes on, when the interrupt came between two writes
                acked = journal.append(batch(journal.last_seq, 4), 1.5, epoch)
            journal.close()
            journal = SqliteJournal.open(path)
            check(journal, acked)
            assert journal.last_seq % 4 == 0
            journal.close()
    finally:
        signal.signal(signal.SIGALRM, old)


@pytest.mark.parametrize("step", ["insert", "checkpoint"])
def test_a_write_that_was_interrupted_is_not_taken_for_done(tmp_path: Path, monkeypatch, step: str):
    journal = SqliteJournal.open(tmp_path / "journal.db")
    epoch = journal.take_epoch()
    journal.append(batch(0, 4), 1.5, epoch)
    whole = getattr(sqlite, step)

    def and_then_ctrl_c(*args: object) -> None:
        whole(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(sqlite, step, and_then_ctrl_c)
    monkeypatch.setattr(sqlite, "_CHECKPOINT_BYTES", 1)
    with pytest.raises(KeyboardInterrupt):
        journal.append(batch(4, 4), 1.5, epoch)
    monkeypatch.undo()
    with pytest.raises(JournalError, match="a write was interrupted"):
        journal.append(batch(4, 4), 1.5, epoch)
    journal.close()
    journal = SqliteJournal.open(tmp_path / "journal.db")
    check(journal, 4)
    journal.close()
