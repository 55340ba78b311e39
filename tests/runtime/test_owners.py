"""Whose a run is: one that has not begun is gone on with by the program that made it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, os, sys
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Swarm, handles

class Word(Message):
    text: str

class Echo(Agent):
    "Says it again"

    @handles
    def echo(self, word: Word) -> Word:
        return word

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


@pytest.fixture
def script(tmp_path):
    """Run a script of some name with that text; the last line that it prints."""

    def run(name, *words):
        (tmp_path / name).write_text(SCRIPT)
        command = [sys.executable, name, *words]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        return (ran.stdout + ran.stderr).strip().rpartition("\n")[2]

    return run


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


def test_a_run_that_had_begun_goes_on_under_another_name_of_its_program(script, made):
    assert script("tasks.py", "", "") == "said"
    assert script("letters.py", str(made()), "") == "said"
