"""What fails after a run has begun: with --json one object all the same, the exit code 1, and how to go on."""

from __future__ import annotations

import json

import pytest

from .samples import ECHO, START

FAILS = (
    START
    + ECHO
    + """
class Other(Message):
    pass

class Prints(Agent):
    @handles
    def echo(self, word: Word) -> Word:
        return "hello"

class O(Options):
    how: str
    begun: bool = True

async def fail(how, swarm):
    if how == "raises":
        raise ValueError("ouch")
    if how == "exits":
        sys.exit(9)
    if how == "is interrupted":
        raise KeyboardInterrupt
    if how == "blames the input":
        raise UsageError("line 7 is empty: remove it")
    if how == "asks with another type":
        await swarm.ask("echo", Other())
    await swarm.ask("prints", Word(text="x"), reply=Word)

async def main(options, stage):
    async with stage.swarm() as swarm:
        swarm.add(Echo)
        swarm.add(Prints)
        if options.begun:
            await swarm.ask("echo", Word(text="x"), reply=Word)
        await fail(options.how, swarm)
    return Outcome({})

app = App(name="fails", summary="Fails", options=O, main=main)
"""
)

HOW = {
    "raises": "unexpected ValueError: ouch (app.py:",
    "exits": "the app called sys.exit(9) (app.py:",
    "blames the input": "line 7 is empty: remove it",
    "asks with another type": "echo does not accept Other",
    "is answered with text": "in echo: Prints.echo returned str, no Message: return one, or nothing",
}


@pytest.fixture
def fails(app, place):
    return app("fails_" + place.name[-8:].replace("-", "_"), FAILS)


@pytest.mark.parametrize("keep", [[], ["--no-journal"]])
@pytest.mark.parametrize("how", HOW)
def test_what_fails_after_the_run_began_is_one_object_and_nobodys_input(stigmergy, place, fails, how, keep):
    ran = stigmergy("run", fails, "--how", how, "--engine", "local", "--json", "--quiet", *keep)
    assert ran.code == 1
    told = json.loads(ran.out)
    assert HOW[how] in told["error"]
    assert HOW[how] in ran.err
    assert (told["stop_reason"], told["partial"], told["messages"] >= 2) == ("bug", True, True)
    folders = list(place.glob("runs/*"))
    assert told["journal"] == (None if keep else str(folders[0]))
    if not keep:
        hint = f"stigmergy: to go on, once the app is mended: stigmergy resume {folders[0].name} --anyway"
        assert hint in ran.err.splitlines()
        assert json.loads((folders[0] / "run.json").read_text())["exit_code"] == 1


@pytest.mark.parametrize("how", ["raises", "exits"])
def test_what_fails_before_anything_was_asked_is_one_object_too(stigmergy, fails, how):
    ran = stigmergy("run", fails, "--how", how, "--no-begun", "--engine", "local", "--json", "--quiet")
    assert (ran.code, json.loads(ran.out)["stop_reason"]) == (1, "bug")


def test_input_that_is_wrong_before_anything_was_asked_is_refused_as_ever(stigmergy, place, fails):
    ran = stigmergy("run", fails, "--how", "blames the input", "--no-begun", "--engine", "local", "--json")
    assert (ran.code, ran.out, ran.complaint) == (2, "", "stigmergy: line 7 is empty: remove it")
    assert not (place / "runs").exists()


def test_a_main_that_interrupts_itself_is_an_interrupted_run(stigmergy, fails):
    ran = stigmergy("run", fails, "--how", "is interrupted", "--engine", "local", "--json", "--quiet")
    assert (ran.code, json.loads(ran.out)["stop_reason"]) == (130, "user")
    assert "Traceback" not in ran.err


def test_people_are_told_what_failed_and_shown_no_figures(stigmergy, fails):
    ran = stigmergy("run", fails, "--how", "exits", "--engine", "local", "--quiet")
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 2
