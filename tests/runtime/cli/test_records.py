"""What lies beside a journal is lost or damaged: what each command says then, and what can still be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .killing import RUN, told
from .samples import SHOWS

LOST = {
    "missing": None,
    "empty": "",
    "not json": "{",
    "not text": b"\xff\xfe",
    "a list": "[]",
    "an empty object": "{}",
    "of another shape": '{"engine": "local", "seed": 0, "argv": 3}',
}


def spoil(file, how):
    file.unlink()
    if how is not None:
        file.write_bytes(how if isinstance(how, bytes) else how.encode())


@pytest.mark.parametrize("how", LOST)
def test_of_a_killed_run_without_its_record_nobody_says_how_it_ended_or_who_began_it(
    place, stigmergy, office, killed, how
):
    run = killed(30, "run", office, *RUN)
    record = place / "runs" / run / "run.json"
    spoil(record, LOST[how])
    what = "is missing" if how == "missing" else "is damaged"
    ran = stigmergy("resume", run)
    assert (ran.code, ran.out) == (2, "")
    assert ran.complaint == (
        f"stigmergy: runs/{run}/run.json {what}, so nobody knows with which app and options to go on: restore it from "
        f"a backup; stigmergy inspect {run} shows what has happened"
    )
    lines = [line.strip() for line in stigmergy("inspect", run).out.splitlines()]
    assert lines[1] == f"nobody knows how it ended: run.json {what}"
    assert lines[6] == f"run.json {what}: restore it from a backup to know app, seed and engine, and to go on"
    assert f"damaged: {run}: run.json {what}; stigmergy inspect {run} still works" in stigmergy("runs").out
    (listed,) = json.loads(stigmergy("runs", "--json").out)["runs"]
    assert (listed["ended_by"], listed["damage"]) == ("unknown", f"run.json {what}")


@pytest.mark.parametrize(
    "damage",
    [
        {"started": "yesterday"},
        {"ended": "2026-13-01T00:00:00+00:00"},
        {"ended": "2026-12-01T00:00:00"},
        {"figures": {"stop_reason": 5}},
        {"figures": {"messages": "many"}},
        {"figures": {"usd": "1"}},
        {"figures": {"stop_text": ["x"]}},
        {"exhausted": []},
        {"exit_code": "x"},
    ],
    ids=str,
)
def test_a_record_with_one_wrong_field_is_damaged_and_hides_no_other_run(place, stigmergy, app, damage):
    nothing = app("shows", SHOWS)
    runs = sorted(Path(json.loads(stigmergy("run", nothing, *RUN).out)["journal"]) for _ in range(2))
    before = json.loads(stigmergy("runs", "--json").out)["runs"]
    record = json.loads((runs[0] / "run.json").read_text())
    (runs[0] / "run.json").write_text(json.dumps({**record, **damage}))
    after = json.loads(stigmergy("runs", "--json").out)["runs"]
    assert [one["damage"] for one in after] == ["run.json is damaged", ""]
    assert after[1] == before[1]
    assert "damaged: " in stigmergy("runs").out
    for command in ("resume", "inspect"):
        ran = stigmergy(command, runs[0].name)
        assert (ran.code, "run.json is damaged" in ran.out + ran.err) == (2 if command == "resume" else 0, True)


def test_shards_are_found_without_the_record(place, stigmergy, office):
    run = json.loads(stigmergy("run", office, *RUN, "--shards", 3).out)["journal"]
    before = json.loads(stigmergy("inspect", run, "--json").out)["entries"]
    (place / run / "run.json").unlink()
    assert json.loads(stigmergy("inspect", run, "--json").out)["entries"] == before


@pytest.mark.parametrize("how", ["missing", "empty", "not json", "a list"])
def test_a_finished_run_whose_report_is_lost_comes_to_it_again(place, stigmergy, office, how):
    first = stigmergy("run", office, *RUN)
    (report,) = place.glob("runs/*/report.json")
    spoil(report, LOST[how])
    again = stigmergy("resume", "last", "--json", "--quiet")
    what = "is missing" if how == "missing" else "is damaged"
    assert again.err.splitlines()[0] == (
        f"stigmergy: report.json of run {report.parent.name} {what}: its app runs again over the journal"
    )
    assert told(again) == told(first)
    assert json.loads(report.read_text()) == json.loads(first.out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--budget-usd", "-1"], "--budget-usd is '-1'"),
        (["--seed", "5"], "unknown option --seed"),
        (["--nonsense", "5"], "unknown option --nonsense"),
        (["--address", "auto"], "--address is for Ray"),
    ],
)
def test_what_is_wrong_is_refused_of_a_finished_run_as_of_an_open_one(stigmergy, app, words, said):
    assert stigmergy("run", app("shows_f", SHOWS), *RUN).code == 0
    ran = stigmergy("resume", "last", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.complaint
    assert "it came to" in stigmergy("resume", "last", "--budget-usd", 5).out


def test_a_finished_run_is_shown_though_its_app_is_gone(place, stigmergy, app):
    name = app("shows_g", SHOWS)
    assert stigmergy("run", name, *RUN).code == 0
    (place / name / "app.py").unlink()
    assert json.loads(stigmergy("resume", "last", "--json").out)["things"] == 1_000
