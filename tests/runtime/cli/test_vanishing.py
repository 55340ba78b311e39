"""A journal that is deleted while its run goes on: the run ends, says so, and never begins a fresh one."""

from __future__ import annotations

import json
import shutil

import pytest

from .samples import ECHO, START

VANISHES = (
    START
    + ECHO
    + """
import shutil

class O(Options):
    what: str
    again: bool = True

def delete(folder, what):
    if what == "folder":
        shutil.rmtree(folder)
    for file in [] if what == "folder" else folder.glob(what):
        file.unlink()

async def main(options, stage):
    async with stage.swarm() as swarm:
        swarm.add(Echo)
        await swarm.ask("echo", Word(text="before"), reply=Word)
        delete(swarm.folder.path, options.what)
        for n in range(3 if options.again else 0):
            await swarm.ask("echo", Word(text=f"after {n}"), reply=Word)
    return Outcome({"ok": True})

app = App(name="vanishes", summary="Loses its journal", options=O, main=main)
"""
)


@pytest.fixture
def vanishes(app, place):
    return app("vanishes_" + place.name[-8:].replace("-", "_"), VANISHES)


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("again", ["--again", "--no-again"])
@pytest.mark.parametrize("what", ["folder", "journal*"])
def test_a_run_whose_journal_is_deleted_ends_and_says_so_and_begins_no_other(
    stigmergy, place, vanishes, what, again, shards
):
    words = ("--engine", "local", "--quiet", "--json", "--shards", shards)
    ran = stigmergy("run", vanishes, "--what", what, again, *words)
    assert ran.code == 1
    said = [line for line in ran.err.splitlines() if ".db is gone: restore it from a backup" in line]
    assert len(said) == 1, ran.err
    assert "to go on" not in ran.err
    assert json.loads(ran.out)["stop_reason"] == "failure"
    assert not list(place.glob("runs/*/journal*.db"))


@pytest.mark.parametrize(
    ("what", "said"), [("journal.db", "the database is missing"), ("journal.db.mark", "journal.db.mark is missing")]
)
def test_a_run_that_loses_one_file_of_its_journal_ends_and_names_it(stigmergy, vanishes, what, said):
    ran = stigmergy("run", vanishes, "--what", what, "--engine", "local", "--quiet")
    assert ran.code == 1
    assert said in ran.err.splitlines()[0]


def test_a_run_that_loses_the_log_of_its_journal_has_all_of_it_still_open_and_goes_on(stigmergy, vanishes):
    ran = stigmergy("run", vanishes, "--what", "journal.db-wal", "--engine", "local", "--quiet", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(stigmergy("inspect", "last", "--json").out)
    assert (found["messages"], found["damage"]) == (8, "")


def test_a_run_whose_journal_was_deleted_afterwards_is_not_begun_anew(stigmergy, place, office, killed):
    run = killed(30, "run", office, "--engine", "local", "--json", "--quiet")
    folder = place / "runs" / run
    for file in folder.glob("journal*"):
        file.unlink()
    for command in ("resume", "inspect"):
        ran = stigmergy(command, run)
        assert (ran.code, ran.out) == (2, "")
        assert ran.complaint == (
            f"stigmergy: the journal {folder}/journal.db is gone: restore it from a backup, or begin a new run"
        )
    assert not list(folder.glob("journal*.db"))
    shutil.rmtree(folder)
