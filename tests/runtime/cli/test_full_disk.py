"""A disk that runs full: people are still told everything, in lines, and nothing half-written is left."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from stigmergy.runtime.life import Life

from .samples import ECHO, SHOWS, START

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def disk(monkeypatch):
    """Fills a disk, once this is True, for all that is written as a whole; its last bytes still take a part of it."""
    state = {"full": False}
    write = Path.write_text

    def write_text(path, text, *args, **more):
        if state["full"] and path.suffix == ".tmp":
            write(path, text[: len(text) // 2], *args, **more)
            raise FULL
        return write(path, text, *args, **more)

    monkeypatch.setattr(Path, "write_text", write_text)
    return state


@pytest.fixture
def full_at_the_end(disk, monkeypatch):
    """The disk is full when the swarm has done its work."""
    finish = Life.report

    async def full(life):
        disk["full"] = not disk.get("freed")
        return await finish(life)

    monkeypatch.setattr(Life, "report", full)
    return disk


def test_a_report_is_printed_though_its_files_find_no_room_and_the_run_can_be_resumed(
    stigmergy, app, place, full_at_the_end
):
    ran = stigmergy("run", app("shows_f", SHOWS), "--engine", "local", "--json", "--quiet")
    (folder,) = (place / "runs").iterdir()
    assert (ran.code, json.loads(ran.out)["things"]) == (1, 1_000)
    assert ran.complaint.startswith(f"stigmergy: {folder}/")
    assert ran.complaint.endswith(" could not be written, because no space is left on its disk: free some, then go on")
    assert not list(folder.glob("*.tmp"))
    assert stigmergy("inspect", "last").out.splitlines()[1].strip() == "killed"
    full_at_the_end |= {"full": False, "freed": True}
    resumed = stigmergy("resume", "last", "--json", "--quiet")
    assert json.loads(resumed.out)["things"] == 1_000


def test_an_app_whose_own_file_finds_no_room_is_told_in_a_sentence(stigmergy, app):
    writes = """
async def main(options, stage):
    raise OSError(28, "No space left on device", "picture.svg")

app = App(name="writes", summary="Writes", options=Options, main=main)
"""
    ran = stigmergy("run", app("writes_f", START + writes), "--engine", "local")
    assert ran.code == 1
    said = "stigmergy: no space is left on the disk of picture.svg: free some, then go on; details: "
    assert ran.complaint.startswith(said)


def test_figures_of_an_app_whose_own_file_finds_no_room_are_said_to_be_partial(stigmergy, app):
    writes = """
async def main(options, stage):
    async with stage.swarm() as swarm:
        swarm.add(Echo)
        await swarm.ask("echo", Word(text="x"), reply=Word)
        raise OSError(28, "No space left on device", "picture.svg")

app = App(name="writes", summary="Writes", options=Options, main=main)
"""
    words = ("run", app("writes_g", START + ECHO + writes), "--engine", "local", "--quiet")
    said, *_ = stigmergy(*words).err.splitlines()
    assert "picture.svg: free some, then go on; the figures are partial; details: " in said
    report = json.loads(stigmergy(*words, "--json").out)
    assert (report["messages"], report["stop_reason"], report["partial"]) == (2, "failure", True)


def test_details_that_no_disk_takes_are_left_out_of_the_sentence(stigmergy, app, monkeypatch):
    def refuse(*_args, **_more):
        raise FULL

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    fails = """
async def main(options, stage):
    raise KeyError("ouch")

app = App(name="fails", summary="Fails", options=Options, main=main)
"""
    ran = stigmergy("run", app("fails_f", START + fails), "--engine", "local", "--no-journal")
    assert (ran.code, ran.complaint) == (1, "stigmergy: unexpected KeyError: 'ouch' (app.py:11)")


def test_a_resume_that_finds_no_room_says_so_once_and_leaves_the_run_as_it_was(stigmergy, office, place, killed, disk):
    run = killed(30, "run", office, "--engine", "local", "--json", "--quiet")
    record = (place / "runs" / run / "run.json").read_text()
    disk["full"] = True
    ran = stigmergy("resume", run, "--json", "--quiet")
    assert ran.code == 1
    assert json.loads(ran.out)["stop_reason"] == "failure"
    assert ran.err.count("no space is left") == 1
    assert f"stigmergy: to go on: stigmergy resume {run}" in ran.err.splitlines()
    disk["full"] = False
    assert (place / "runs" / run / "run.json").read_text() == record
    assert stigmergy("resume", run, "--json", "--quiet").code == 0
