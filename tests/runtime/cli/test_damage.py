"""A damaged journal: what each command says of it, in the words of the command line, and how a list shows it."""

from __future__ import annotations

import json
import shutil

import pytest

from stigmergy.runtime.cli import main, soundness

from .conftest import inside
from .samples import DESK

LOCAL = ("--engine", "local", "--quiet")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Where a run has finished, once for all who damage a copy of it."""
    asks = [word for text in ("one", "flaky", "two", "broken") for word in ("--ask", text)]
    with inside(tmp_path_factory.mktemp("finished")) as place:
        (place / "desk_d").mkdir()
        (place / "desk_d" / "app.py").write_text(DESK)
        assert main(["run", "desk_d", *LOCAL, *asks]) == 0
    return place


@pytest.fixture
def journal(finished, place):
    """Of a finished run, and still sound."""
    shutil.copytree(finished, place, dirs_exist_ok=True)
    (folder,) = (place / "runs").iterdir()
    return folder / "journal.db"


def spoil(journal) -> None:
    """Change one byte of an entry."""
    data = bytearray(journal.read_bytes())
    data[data.index(b"lamp went out")] ^= 1
    journal.write_bytes(data)


@pytest.mark.parametrize(
    "words",
    [
        ["resume", "last"],
        ["resume", "last", "--anyway"],
        ["dead-letters", "last", "--put-back", "all"],
    ],
)
def test_what_needs_all_of_a_journal_names_the_command_that_reads_the_rest(stigmergy, journal, words):
    spoil(journal)
    ran = stigmergy(*words)
    assert (ran.code, ran.out) == (2, "")
    run = journal.parent.name
    assert f"journal {journal} is damaged: entry " in ran.complaint
    assert f"restore it from a backup, or see what stands before the damage: stigmergy inspect {run} --intact" in (
        ran.complaint
    )
    assert "SqliteJournal" not in ran.complaint
    assert stigmergy("inspect", run, "--intact").code == 0


def test_a_damaged_mark_is_told_in_the_words_of_the_command_line(stigmergy, journal):
    journal.with_name("journal.db.mark").write_bytes(b"nonsense")
    for words in (["inspect"], ["resume"], ["approve"]):
        ran = stigmergy(*words, "last")
        assert ran.code == 2
        assert "--intact" in ran.complaint
        assert ran.complaint.count("restore") == 1
        assert "SqliteJournal" not in ran.complaint


def test_a_list_of_runs_shows_which_are_damaged(stigmergy, journal):
    run = journal.parent.name
    (sound,) = json.loads(stigmergy("runs", "--json").out)["runs"]
    assert (sound["ended_by"], sound["damage"]) == ("done", "")
    spoil(journal)
    lines = stigmergy("runs").out.splitlines()
    (row,) = (line for line in lines if line.startswith(run))
    assert row.endswith("done, damaged")
    assert lines[-1].startswith(f"damaged: {run}: entry ")
    assert lines[-1].endswith(f"; stigmergy inspect {run} --intact reads what stands before")
    (damaged,) = json.loads(stigmergy("runs", "--json").out)["runs"]
    assert damaged["ended_by"] == "done"
    assert damaged["damage"].startswith("entry ")


def cut_short(journal):
    journal.write_bytes(journal.read_bytes()[:8192])


def without_header(journal):
    journal.write_bytes(b"nonsense" + journal.read_bytes()[8:])


def without_mark(journal):
    journal.with_name("journal.db.mark").unlink()


def gone(journal):
    journal.unlink()


@pytest.mark.parametrize("most", [soundness.WHOLE_BYTES, 0])
@pytest.mark.parametrize("harm", [cut_short, without_header, without_mark, gone])
def test_what_the_files_of_a_journal_show_is_seen_without_reading_it(stigmergy, journal, monkeypatch, most, harm):
    monkeypatch.setattr(soundness, "WHOLE_BYTES", most)
    harm(journal)
    (run,) = json.loads(stigmergy("runs", "--json").out)["runs"]
    assert run["damage"]
    assert stigmergy("inspect", "last").code == 2


@pytest.mark.parametrize("most", [soundness.WHOLE_BYTES, 0])
@pytest.mark.parametrize("name", ["journal.db", "journal.db.mark"])
def test_a_journal_that_cannot_be_read_at_all_hides_no_other_run(stigmergy, journal, monkeypatch, most, name):
    monkeypatch.setattr(soundness, "WHOLE_BYTES", most)
    journal.with_name(name).unlink()
    journal.with_name(name).mkdir()
    (run,) = json.loads(stigmergy("runs", "--json").out)["runs"]
    assert "folder" in run["damage"] or "directory" in run["damage"]


def test_the_newest_journals_are_read_whole_and_older_ones_are_not(stigmergy, journal, monkeypatch):
    spoil(journal)
    monkeypatch.setattr(soundness, "WHOLE_BYTES", journal.stat().st_size - 1)
    (run,) = json.loads(stigmergy("runs", "--json").out)["runs"]
    assert not run["damage"]
