"""Whose a run is: one that has not begun is gone on with by the program that made it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stigmergy.protocols import UsageError
from stigmergy.runtime.provenance import check_owner, described, shown_owner, this_program
from stigmergy.runtime.run_folder import RunFolder

from .cli.samples import ECHO

SCRIPT = (
    """
import asyncio, os, sys
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Swarm, handles
"""
    + ECHO
    + """
async def main(run, die):
    async with Swarm.resume(run) if run else Swarm(engine="local", journal="runs") as swarm:
        swarm.add(Echo)
        if die == "before":
            os._exit(0)
        print((await swarm.ask("echo", Word(text="said"), reply=Word)).text, flush=True)
        os._exit(0)

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
"""
)


@pytest.fixture
def script(tmp_path, forker):
    """Run a script of some name with that text; the last line that it prints."""

    def run(name, *words):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SCRIPT)
        with forker.start(tmp_path, [name, *words]) as ran:
            return "".join(ran.communicate()).strip().rpartition("\n")[2]

    return run


@pytest.fixture
def place_with(tmp_path):
    """A run that was killed before it had a journal, with that ``run.json``."""

    def make(record):
        run = RunFolder.create(tmp_path, 0.0)
        run.write("run.json", record)
        return run

    return make


@pytest.fixture
def made(tmp_path):
    """The only run there is."""

    def find():
        (run,) = (tmp_path / "runs").iterdir()
        return run

    return find


def test_a_run_that_had_not_begun_is_refused_to_another_program_and_both_are_named(script, made):
    script("tasks.py", "", "before")
    record = (made() / "run.json").read_text()
    told = script("letters.py", str(made()), "")
    assert f"run {made().name} was made by tasks.py and had not begun, and this is letters.py: " in told
    assert (made() / "run.json").read_text() == record
    assert script("tasks.py", str(made()), "") == "said"


def test_two_scripts_of_the_same_name_are_two_programs(script, made):
    script("one/main.py", "", "before")
    told = script("two/main.py", str(made()), "")
    assert "was made by one/main.py and had not begun, and this is two/main.py: go on with it in one/main.py" in told


def test_a_script_is_one_program_however_it_is_called(tmp_path, made, script):
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab/main.py").write_text(SCRIPT)
    subprocess.run([sys.executable, "-m", "lab.main", "", "before"], cwd=tmp_path, timeout=60, check=True)
    assert script("lab/main.py", str(made()), "") == "said"


def test_where_somebody_types_it_in_no_program_has_it(monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "lab/main.py", raising=False)
    assert this_program() == str(Path("lab/main.py").absolute())
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert this_program() == ""


def test_programs_elsewhere_are_named_in_short_or_in_full_where_short_is_not_enough(place_with):
    run = place_with({"program": "/far/away/lab/main.py"})
    assert shown_owner(run.read("run.json")) == "lab/main.py"
    with pytest.raises(UsageError, match="was made by lab/main.py and had not begun, and this is desk: "):
        check_owner(run, "desk", anyway=False)
    with pytest.raises(UsageError, match="was made by /far/away/lab/main.py and had not begun, and this is /near/lab/"):
        check_owner(run, "/near/lab/main.py", anyway=False)


def test_whatever_is_said_about_a_run_its_program_is_said_too():
    about = described({"note": "x"}, None)
    assert (about["note"], about["program"]) == ("x", this_program())
    assert described({"app": "desk"}, None) == {"app": "desk"}


def test_a_server_that_cannot_be_reached_is_told_as_that(place_with):
    run = place_with({"app": "old"})
    (run.path / "journal.url").write_text(f"postgresql://nobody@127.0.0.1:1/x#{run.id}\n")
    with pytest.raises(UsageError, match="is the server up"):
        described({"app": "new"}, run)


def test_a_run_that_had_begun_goes_on_under_another_name_of_its_program(script, made):
    assert script("tasks.py", "", "") == "said"
    assert script("letters.py", str(made()), "") == "said"
