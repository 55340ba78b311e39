"""Resuming: a run whose process was killed at any moment ends with the report of a run that nobody disturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stigmergy.actors.journal import SqliteJournal
from stigmergy.protocols.errors import UsageError
from stigmergy.runtime import Swarm
from tests.depth import depth

from .killing import RUN, entries, told
from .samples import SHOWS, START


def test_a_run_that_was_killed_anywhere_and_again_ends_as_if_nothing_had_been(stigmergy, office, killed):
    undisturbed = told(stigmergy("run", office, *RUN))
    for first, *more in ((3,), (30, -50, 65), (80,)):
        run = killed(first, "run", office, *RUN)
        for at in more:
            killed(at, "resume", run, "--json", "--quiet")
        assert told(stigmergy("resume", run, "--json", "--quiet")) == undisturbed, first


def test_a_run_that_is_done_prints_its_report_again(stigmergy, office):
    ran = stigmergy("run", office, *RUN)
    assert stigmergy("resume", "last", "--json").out == ran.out
    assert "is done; it came to" in stigmergy("resume", "last").out


def test_people_are_shown_again_what_they_were_shown(stigmergy, app):
    ran = stigmergy("run", app("shows", SHOWS), "--engine", "local")
    first, *again = stigmergy("resume", "last").out.splitlines()
    assert "is done; it came to" in first
    assert again == [line for line in ran.out.splitlines() if not line.startswith("journal: ")]
    assert again[0] == "what it found"


@pytest.mark.parametrize("value", ["3", "'two'", "['mine']"])
def test_what_an_app_itself_calls_warnings_is_no_warning(stigmergy, app, value):
    text = SHOWS.replace('{"things": 1_000,', f'{{"warnings": {value},')
    ran = stigmergy("run", app("shows_w", text), *RUN)
    again = stigmergy("resume", "last", "--json")
    assert (ran.code, ran.err, again.code, again.err) == (0, "", 0, "")
    assert again.out == ran.out


def test_a_run_of_several_swarms_goes_on_with_all_of_them(place, stigmergy, office, killed):
    words = ("run", office, *RUN, "--swarms", 2, "--jobs", 3)
    undisturbed = told(stigmergy(*words))
    resumed = told(stigmergy("resume", killed(20, *words), "--json", "--quiet"))
    assert resumed == undisturbed
    assert len(list((place / "runs").iterdir())) == 4


def test_interrupted_runs_are_listed_with_how_to_go_on(place, stigmergy, office, killed):
    killed(30, "run", office, *RUN)
    listed = stigmergy("runs").out
    (folder,) = (place / "runs").iterdir()
    assert "killed" in listed
    assert listed.splitlines()[-1] == f"interrupted runs go on with: stigmergy resume {folder.name}"


LOOKS = (
    START
    + """
class O(Options):
    input: Path

async def main(options, stage):
    (options.input / "looked").touch()
    if os.environ.get("REFUSE"):
        raise UsageError(f"cannot read {options.input}: it is not a file")
    async with stage.swarm() as swarm:
        await swarm.trail("x").define()
    return Outcome({})

app = App(name="looks", summary="", options=O, main=main)
"""
)


def test_a_folder_is_read_only_for_an_app_that_did_not_refuse_it_before_it_made_a_swarm(
    place, stigmergy, app, monkeypatch
):
    name, folder = app("looks_" + place.name[-8:].replace("-", "_"), LOOKS), place / "papers"
    folder.mkdir()
    unreadable = folder / "unreadable"
    unreadable.symlink_to("/proc/self/mem")  # it can be opened, and the first byte cannot be read
    monkeypatch.setenv("REFUSE", "1")
    refused = stigmergy("run", name, "--input", folder, "--engine", "local", "--quiet")
    assert (refused.code, refused.complaint) == (2, f"stigmergy: cannot read {folder}: it is not a file")
    monkeypatch.delenv("REFUSE")
    unreadable.unlink()
    assert stigmergy("run", name, "--input", folder, "--engine", "local", "--quiet").code == 0
    (run,) = (place / "runs").iterdir()
    assert str(folder / "looked") in json.loads((run / "run.json").read_text())["files"]


def test_what_changed_since_the_start_is_named_and_refused_unless_anyway(place, stigmergy, office, killed):
    papers = place / "papers.txt"
    papers.write_text("one")
    killed(30, "run", office, *RUN, "--papers", papers)
    papers.write_text("two")
    refused = stigmergy("resume", "last")
    assert refused.code == 2
    assert f"{papers} changed since the run began" in refused.complaint
    refused = stigmergy("resume", "last", "--jobs", 5)
    assert (refused.code, "--jobs was 12 and is now 5" in refused.complaint) == (2, True)
    assert stigmergy("resume", "last", "--anyway", "--json", "--quiet").code == 0


def test_a_secret_is_not_kept_and_has_to_be_given_again(place, stigmergy, office, killed):
    killed(30, "run", office, *RUN, "--api-key", "s3cret")
    assert "s3cret" not in "".join(file.read_text() for file in place.glob("runs/*/run.json"))
    refused = stigmergy("resume", "last")
    assert (refused.code, "give --api-key again" in refused.complaint) == (2, True)
    assert stigmergy("resume", "last", "--api-key", "s3cret", "--json", "--quiet").code == 0


def test_a_run_that_ran_out_of_budget_goes_on_with_a_larger_one(stigmergy, office):
    undisturbed = told(stigmergy("run", office, *RUN))
    stopped = stigmergy("run", office, *RUN, "--budget-messages", 30)
    assert stopped.code == 3
    run = json.loads(stopped.out)["journal"]
    assert "exhausted: 1 message asked for, 0 left of 30" in stopped.err
    refused = stigmergy("resume", run)
    assert (refused.code, "give a larger one with --budget-messages" in refused.complaint) == (2, True)
    assert told(stigmergy("resume", run, "--json", "--quiet", "--budget-messages", 1000)) == undisturbed


@pytest.mark.parametrize(("dimension", "too_few"), [("agents", 1), ("depth", 0)])
def test_a_run_with_too_few_agents_goes_on_with_more(stigmergy, app, dimension, too_few):
    ask = 'await swarm.ask("echo", Word(text="x"), reply=Word)'
    crowd = app("crowd", SHOWS.replace(ask, f"{ask.replace('echo', 'echo/1')}; {ask.replace('echo', 'echo/2')}"))
    flag = f"--budget-{dimension}"
    undisturbed = told(stigmergy("run", crowd, *RUN))
    stopped = stigmergy("run", crowd, *RUN, flag, too_few)
    run = json.loads(stopped.out)["journal"]
    refused = stigmergy("resume", run, "--budget-usd", 5, "--quiet")
    assert (stopped.code, refused.code, f"give a larger one with {flag}" in refused.complaint) == (3, 2, True)
    assert told(stigmergy("resume", run, "--json", "--quiet", flag, 5)) == undisturbed


def test_a_run_that_ran_out_of_nobody_knows_what_goes_on_with_any_larger_budget(stigmergy, app):
    enough = "stop_reason='done' if stage.budget.tokens == 9 else 'budget'"
    spent = app("spent", SHOWS.replace("notes=", f"{enough}, notes="))
    stopped = stigmergy("run", spent, *RUN, "--budget-agents", 5, "--budget-tokens", 5)
    refused = stigmergy("resume", "last")
    assert (stopped.code, refused.code) == (3, 2)
    assert "give a larger one with --budget-tokens or --budget-agents" in refused.complaint
    assert stigmergy("resume", "last", *RUN[2:], "--budget-tokens", 9).code == 0


@pytest.mark.parametrize("at", [30, -1])
@pytest.mark.parametrize("words", [("--seed", 5), ("--shards=2",), ("--journal", "x"), ("--no-journal",)])
def test_what_a_run_keeps_for_good_is_no_option_of_resume_and_the_run_stays_as_it_was(
    place, stigmergy, office, killed, words, at
):
    run = killed(at, "run", office, *RUN)
    record = (place / "runs" / run / "run.json").read_bytes()
    refused = stigmergy("resume", run, *words)
    assert (refused.code, refused.out) == (2, "")
    option = str(words[0]).partition("=")[0]
    assert refused.complaint.startswith(f"stigmergy: unknown option {option}: a run keeps what it began with; see ")
    assert (place / "runs" / run / "run.json").read_bytes() == record
    assert stigmergy("resume", run, "--json", "--quiet").code == 0


async def test_a_run_that_was_not_let_on_with_another_seed_goes_on_with_its_own(place, office, killed):
    folder = place / "runs" / killed(30, "run", office, *RUN)
    record = (folder / "run.json").read_bytes()
    refused = Swarm.resume(folder, seed=5)
    refused.about = {"app": "office"}
    with pytest.raises(UsageError, match="a run with another seed"):
        await refused.__aenter__()
    assert (folder / "run.json").read_bytes() == record


@pytest.mark.parametrize("meaning", [0, 1])
def test_a_journal_of_another_version_is_refused(place, stigmergy, office, killed, meaning):
    killed(30, "run", office, *RUN)
    (folder,) = (place / "runs").iterdir()
    for file in folder.glob("journal.db*"):
        file.unlink()
    journal = SqliteJournal.open(folder / "journal.db")
    journal.append([("swarm.begin", {"meaning": meaning, "run": "r"})], 1.0, journal.take_epoch())
    journal.close()
    refused = stigmergy("resume", "last")
    assert (refused.code, f"have meaning {meaning}, not 2" in refused.complaint) == (2, True)


def test_a_run_of_another_app_is_refused_unless_anyway_and_both_are_named(place, stigmergy, app, killed):
    shows = app("shows_a", SHOWS)
    run = killed(8, "run", shows, *RUN)
    (place / shows / "app.py").write_text(SHOWS.replace('name="shows"', 'name="letters"'))
    ran = stigmergy("resume", run)
    assert ran.code == 2
    assert f"run {run} was begun by shows, and {shows} is now letters: go on with it in shows" in ran.complaint
    assert "--anyway goes on all the same" in ran.complaint
    assert stigmergy("resume", run, "--anyway", "--quiet").code == 0


@pytest.mark.parametrize("at", [-1, 1])
def test_a_run_of_another_app_that_had_not_begun_is_refused_whatever_else_may_change(place, stigmergy, app, killed, at):
    shows = app("shows_b", SHOWS)
    run = killed(at, "run", shows, *RUN)
    record = (place / "runs" / run / "run.json").read_text()
    (place / shows / "app.py").write_text(SHOWS.replace('name="shows"', 'name="letters"'))
    for words in ((), ("--anyway",)):
        ran = stigmergy("resume", run, *words)
        assert ran.code == 2
        assert f"run {run} was made by shows and had not begun, and {shows} is now letters: " in ran.complaint
        assert "--anyway" not in ran.complaint, "that would be refused, too"
    assert (place / "runs" / run / "run.json").read_text() == record


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_on_ray_too(place, stigmergy, office):
    undisturbed = told(stigmergy("run", office, *RUN, "--jobs", 40))
    command = [sys.executable, "-m", "stigmergy.runtime.cli", "run", office, "--json", "--hosts", "2", "--jobs", "40"]
    (before,) = (place / "runs").iterdir()
    died = subprocess.run(command, cwd=place, env={**os.environ, "DIE_AT": "20"}, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL
    (run,) = set((place / "runs").iterdir()) - {before}
    assert told(stigmergy("resume", run.name, "--json", "--quiet")) == undisturbed


def test_dead_letters_that_were_put_back_are_handled_when_a_finished_run_is_resumed(place, stigmergy, office):
    ran = stigmergy("run", office, *RUN)
    run = Path(json.loads(ran.out)["journal"]).name
    assert stigmergy("dead-letters", run, "--put-back", "all").code == 0
    letters = len(entries(place, run))
    assert stigmergy("resume", run, "--json", "--quiet").code == 0
    after = [entry.kind for entry in entries(place, run)[letters:]]
    assert "mail.dead" in after  # they failed again
    assert stigmergy("resume", run, "--json").code == 0
    assert len(entries(place, run)) == letters + len(after)


def test_a_finished_run_whose_tables_nobody_kept_shows_the_single_values_of_its_report(place, stigmergy, app):
    ran = stigmergy("run", app("shows_c", SHOWS), *RUN)
    (Path(json.loads(ran.out)["journal"]) / "tables.json").unlink()
    shown = [line.split() for line in stigmergy("resume", "last").out.splitlines()]
    assert ["things", "1000"] in shown
    assert not [line for line in shown if line[:1] == ["inside"]]


@pytest.mark.parametrize("at", [301, -703, 100, 502][: depth(2, 4)])
def test_on_one_host_what_was_in_flight_goes_on_in_its_order_and_the_digest_is_that_of_an_undisturbed_run(
    place, stigmergy, killed, at
):
    colony = Path(__file__).parents[3] / "examples" / "ant_colony"
    words = (colony, "--cycles", 8, *RUN)
    undisturbed = json.loads(stigmergy("run", *words).out)["runs"][0]
    run = killed(at, "run", *words)
    kinds = {entry.kind for entry in entries(place, run)}
    assert "mail.attempts" in kinds
    resumed = json.loads(stigmergy("resume", run, "--json", "--quiet").out)["runs"][0]
    assert resumed["tour"] == undisturbed["tour"]
    assert resumed["digest"] == undisturbed["digest"]
