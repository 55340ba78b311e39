"""A run that ended before anything was asked: what is said of it, and what can be done."""

from __future__ import annotations

import json
import runpy
import shutil

import pytest

from stigmergy.actors.journal.mark import MarkFile
from stigmergy.actors.journal.sqlite import SqliteJournal
from stigmergy.runtime.run_folder import RunFolder

from .conftest import kill
from .killing import RUN
from .samples import ECHO, SHOWS, STOPS

TASKS = (
    """
import asyncio
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Swarm, handles
"""
    + ECHO
    + """
async def main():
    async with Swarm(engine="local", journal="runs") as swarm:
        swarm.add(Echo)
        await swarm.ask("echo", Word(text="x"), reply=Word)

if __name__ == "__main__":
    asyncio.run(main())
"""
)


DOES = {
    "facts": 'await swarm.facts.put("paid", 50)',
    "claims": 'await swarm.claims("work").offer("item")',
    "posts": 'await swarm.post("nobody-follows", Word(text="x"))',
    "trails": 'await swarm.trail("x").define(); await swarm.trail("x").deposit({"a": 1.0})',
}
"""What somebody relies on, and no message goes with it."""


def does(what, then=""):
    text = STOPS.replace('await swarm.trail("x").define()', f"{DOES[what]}; {then}".removesuffix("; "))
    return text.replace("class Reason", "class Word(Message):\n    text: str\n\nclass Reason")


@pytest.mark.parametrize("what", DOES)
@pytest.mark.parametrize("reason", ["user", "usage"])
def test_a_run_in_which_something_has_happened_is_kept_though_nothing_was_asked(app, stigmergy, place, what, reason):
    text = does(what, "" if reason == "user" else 'raise UsageError("no")')
    ran = stigmergy("run", app(f"does_{what}_{reason}", text), "--engine", "local", "--reason", "user", "--quiet")
    (folder,) = (place / "runs").iterdir()
    assert ran.code == (130 if reason == "user" else 1)
    assert folder.name in stigmergy("inspect", "last").out


@pytest.mark.parametrize("shards", [1, 2])
def test_a_run_that_was_only_got_ready_is_not_kept(app, stigmergy, place, shards):
    text = STOPS.replace('await swarm.trail("x").define()', "await swarm.start()")
    words = ("--engine", "local", "--reason", "user", "--quiet", "--shards", shards)
    ran = stigmergy("run", app(f"does_nothing_{shards}", text), *words)
    assert (ran.code, (place / "runs").exists()) == (130, False)


@pytest.mark.parametrize("what", DOES)
def test_nobody_is_told_to_remove_a_run_in_which_something_has_happened(app, stigmergy, killed, what):
    text = does(what, "os.kill(os.getpid(), 9)")
    run = killed(0, "run", app(f"dies_{what}", text), *RUN, "--reason", "user")
    state = stigmergy("inspect", run).out.splitlines()[1].strip()
    assert state == "killed"


@pytest.fixture(scope="module")
def unbegun(forker, tmp_path_factory):
    """Where a run was killed before its first entry, once for all who look at a copy of it; and its name."""
    place = tmp_path_factory.mktemp("unbegun")
    (place / "shows_u").mkdir()
    (place / "shows_u" / "app.py").write_text(SHOWS)
    return place, kill(forker, place, -1, "run", "shows_u", *RUN)


@pytest.mark.parametrize("command", [["inspect"], ["trace", "--largest"], ["dead-letters"], ["approve"]])
@pytest.mark.parametrize("there", [[], ["journal.db.mark", "journal.db.lock"]])
def test_a_run_that_was_killed_before_it_had_a_journal_says_so_and_what_to_do(
    stigmergy, unbegun, place, command, there
):
    killed_in, run = unbegun
    shutil.copytree(killed_in, place, dirs_exist_ok=True)
    folder = place / "runs" / run
    for file in folder.glob("journal.*"):
        file.unlink()
    for name in there:  # what its writer makes first
        (folder / name).touch()
        MarkFile.create(folder / name) if name.endswith(".mark") else None
    ran = stigmergy(command[0], run, *command[1:])
    said = f"killed before anything was asked: `stigmergy resume {run}` begins it, or remove runs/{run}"
    assert (ran.code, ran.complaint) == (2, f"stigmergy: run {run} has no journal yet: {said}")
    assert json.loads(stigmergy("resume", run, "--json", "--quiet").out)["things"] == 1_000


@pytest.mark.parametrize("at", [-1, 1])
def test_inspect_says_of_a_run_that_was_killed_before_anything_was_asked_what_to_do(app, stigmergy, killed, at):
    run = killed(at, "run", app("shows_v", SHOWS), *RUN)
    lines = [line.strip() for line in stigmergy("inspect", run).out.splitlines()]
    assert lines[1] == f"killed before anything was asked: `stigmergy resume {run}` begins it, or remove runs/{run}"
    assert "1970" not in lines[2]


def test_what_a_record_says_cannot_reach_the_terminal(place, stigmergy):
    run = RunFolder.create(place / "runs", 0.0)
    run.write("run.json", {"program": "a\x1b[31m.py", "engine": "local", "seed": 0})
    journal = SqliteJournal.open(run.place)
    journal.append([("swarm.begin", {"meaning": 1, "run": "r"})], 1.0, journal.take_epoch())
    journal.close()
    out = stigmergy("inspect", run.id).out
    assert ("\x1b" in out, "begin it in a\\x1b[31m.py with Swarm.resume" in out) == (False, True)


def test_inspect_shows_the_run_of_a_script_and_its_name(place, stigmergy):
    (place / "tasks.py").write_text(TASKS)
    runpy.run_path("tasks.py", run_name="__main__")
    (folder,) = (place / "runs").iterdir()
    lines = [line.strip() for line in stigmergy("inspect", "last").out.splitlines()]
    assert lines[:2] == [f"tasks.py  {folder.name}", "ended"]
    assert lines[6] == "engine local, seed 0"
    assert "tasks.py" in stigmergy("runs").out
