"""A run: what is printed where, what is kept, and what the exit code says."""

from __future__ import annotations

import json

import pytest

from .samples import BUG, DESK, NOISY, NOTHING, SHOWS, START, STOPS


def only_run(place):
    (folder,) = (place / "runs").iterdir()
    return folder


def kept(place, name):
    return json.loads((only_run(place) / name).read_text())


def test_a_good_run_prints_its_tables_and_where_it_is_kept(stigmergy, app, place):
    ran = stigmergy("run", app("desk_a", DESK), "--engine", "local", "--ask", "one", "--ask", "two")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0] == "desk"
    assert lines[3].split() == ["answered", "2"]
    run = only_run(place).name
    assert lines[-1] == f"journal: runs/{run}; look inside: stigmergy inspect {run}"
    assert ran.err.splitlines()[-1].startswith("questions: 2 of 2 (100 %), ")


def test_what_could_not_be_handled_is_pointed_to_with_its_tracebacks(stigmergy, app, place):
    ran = stigmergy("run", app("desk_t", DESK), "--engine", "local", "--ask", "broken")
    run = only_run(place)
    where = f"stigmergy dead-letters {run.name}; tracebacks: runs/{run.name}/logs"
    assert ran.out.splitlines()[-1] == f"2 dead letters: {where}"
    assert any("ValueError: the page is" in log.read_text() for log in (run / "logs").iterdir())


def test_with_json_dead_letters_are_counted_and_where_to_look_is_a_line_on_stderr(stigmergy, app, place):
    ran = stigmergy("run", app("desk_u", DESK), "--engine", "local", "--ask", "broken", "--json", "--quiet")
    run = only_run(place)
    where = f"stigmergy dead-letters {run.name}; tracebacks: runs/{run.name}/logs"
    assert (json.loads(ran.out)["dead_letters"], ran.complaint) == (2, f"stigmergy: 2 dead letters: {where}")
    good = stigmergy("run", app("desk_v", DESK), "--engine", "local", "--json", "--quiet")
    assert ("dead_letters" in json.loads(good.out), good.err) == (False, "")


def test_tables_and_notes_of_an_app_are_printed_as_they_are(stigmergy, app):
    ran = stigmergy("run", app("nothing_a", NOTHING), "--engine", "local")
    title, heads, _, row, _, note = ran.out.splitlines()
    assert (title, heads.split(), row.split(), note) == ("done", ["what", "n"], ["things", "1,000"], "a note")


def test_an_app_without_tables_shows_its_single_values_and_the_figures_of_its_swarms(stigmergy, app):
    bare = NOTHING.replace('tables=(Table("done", ("what", "n"), (("things", "1,000"),)),), notes=("a note",)', "")
    said = stigmergy("run", app("bare_a", bare), "--engine", "local")
    shown = [line.split() for line in said.out.splitlines()]
    assert ["ok", "True"] in shown
    assert ["dead", "letters", "0"] in shown


def test_what_an_app_without_tables_reports_is_shown_once_and_readably(stigmergy, app):
    report = '{"messages": 12345, "share": 0.5, "rows": [1, 2], "inside": {"a": 1}}'
    bare = SHOWS.replace('{"things": 1_000, "inside": {"a": 1}}, tables=(table,), notes=("a note",)', report)
    said = stigmergy("run", app("bare_b", bare), "--engine", "local")
    shown = [line.split() for line in said.out.splitlines()]
    assert [line for line in shown if line[:1] == ["messages"]] == [["messages", "12,345"]]
    assert ["share", "0.5"] in shown
    assert not [line for line in shown if line[:1] in (["rows"], ["inside"])]


def test_quiet_is_quiet(stigmergy, app):
    ran = stigmergy("run", app("desk_b", DESK), "--engine", "local", "--ask", "broken", "--quiet")
    assert (ran.code, ran.err) == (0, "")


def test_json_is_one_object_with_where_and_why_it_ended(stigmergy, app, place):
    ran = stigmergy("run", app("desk_c", DESK), "--engine", "local", "--json", "--quiet")
    (line,) = ran.out.splitlines()
    report = json.loads(line)
    assert report["answers"] == ["PLAIN"]
    assert (report["stop_reason"], report["journal"]) == ("done", str(only_run(place)))
    assert kept(place, "report.json") == report


def test_nobody_else_reaches_stdout_or_shows_a_traceback_when_json_is_wanted(stigmergy, app, place):
    ran = stigmergy("run", app("noisy_a", NOISY), "--engine", "local", "--json")
    assert json.loads(ran.out) == {
        "ok": True,
        "not a number": None,
        "path": "x",
        "stop_reason": "done",
        "journal": str(only_run(place)),
    }
    assert ran.err.splitlines() == ["the app prints", "the agent prints"]
    log = (only_run(place) / "logs" / "driver.log").read_text()
    for noise in ("the app writes", "a library complains", "the agent writes", "ValueError: nobody waits for me"):
        assert noise in log


def test_without_json_an_app_may_print(stigmergy, app):
    ran = stigmergy("run", app("noisy_b", NOISY), "--engine", "local")
    assert "the app prints\n" in ran.out
    assert "the app writes\n" in ran.out
    assert ran.err == ""


def test_a_budget_stops_with_3_alerts_and_a_partial_report(stigmergy, app):
    asks = [word for number in range(20) for word in ("--ask", f"q{number}")]
    ran = stigmergy("run", app("desk_d", DESK), "--engine", "local", "--json", "--budget-messages", 40, *asks)
    assert ran.code == 3
    report = json.loads(ran.out)
    assert (len(report["answers"]) + report["untouched"], report["failed"]) == (20, 0)
    assert report["stop_reason"] == "budget"
    alerts = [line for line in ran.err.splitlines() if line.startswith("budget: ")]
    shares = [line.split(" of ")[0] for line in alerts]
    assert shares == ["budget: 50 %", "budget: 80 %", "budget: 95 %", "budget: 100 %"][: len(shares)]
    assert len(shares) >= 3
    assert alerts[0] == "budget: 50 % of 40 messages used (20)"
    said, hint = ran.err.splitlines()[-2:]
    assert said.startswith("stigmergy: stopped by a budget: budget of account 'swarm' exhausted")
    assert hint.startswith("stigmergy: to go on: stigmergy resume ")


@pytest.mark.parametrize(("reason", "code"), [("budget", 3), ("loop", 4), ("user", 130), ("failure", 1)])
def test_an_app_that_hands_in_nothing_still_has_figures(stigmergy, app, place, reason, code):
    ran = stigmergy("run", app("stops_a", STOPS), "--engine", "local", "--reason", reason, "--json")
    report = json.loads(ran.out)
    assert (ran.code, report["stop_reason"], report["messages"], report["partial"]) == (code, reason, 0, True)
    assert f"because of {reason}; the figures are partial" in ran.err
    if reason != "user":  # whoever stops a run in which nothing has happened wants nothing kept
        assert kept(place, "run.json")["exit_code"] == code


def test_an_app_that_does_not_say_that_it_was_stopped_is_not_believed(stigmergy, app):
    believer = STOPS.replace('raise SwarmStopped("stopped", options.reason)', 'return Outcome({"fine": True})')
    ran = stigmergy("run", app("stops_b", believer), "--engine", "local", "--reason", "loop", "--json")
    report = json.loads(ran.out)
    assert (ran.code, report["fine"], report["stop_reason"], report["partial"]) == (4, True, "loop", True)


def test_a_bug_is_told_in_one_line_and_its_traceback_is_in_the_log(stigmergy, app, place):
    ran = stigmergy("run", app("bug_a", BUG), "--engine", "local")
    log = only_run(place) / "logs" / "driver.log"
    assert (ran.code, ran.out) == (1, "")
    said, hint = ran.err.splitlines()
    assert said.startswith("stigmergy: unexpected KeyError: 'ouch' (app.py:")
    assert said.endswith(f"details: {log}")
    run = only_run(place).name
    assert hint == f"stigmergy: to go on, once the app is mended: stigmergy resume {run} --anyway"
    assert "Traceback" in log.read_text()
    assert kept(place, "run.json")["stop_reason"] == "bug"


def test_a_bug_without_a_journal_is_written_to_a_temporary_file(stigmergy, app, place, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(place))
    ran = stigmergy("run", app("bug_b", BUG), "--engine", "local", "--no-journal")
    (details,) = place.glob("stigmergy-*.log")
    assert ran.complaint.endswith(f"details: {details}")
    assert "Traceback" in details.read_text()
    assert not (place / "runs").exists()


def test_of_several_errors_at_once_the_most_telling_is_told(stigmergy, app):
    text = """
async def stop():
    raise SwarmStopped("stopped", "budget")

async def crash():
    raise KeyError("ouch")

async def main(options, stage):
    async with asyncio.TaskGroup() as group:
        group.create_task(stop())
        group.create_task(crash())

app = App(name="group", summary="", options=Options, main=main)
"""
    ran = stigmergy("run", app("group", START + text), "--engine", "local")
    assert ran.code == 1
    assert "unexpected KeyError: 'ouch'" in ran.complaint


def test_an_app_that_returns_no_outcome_has_a_bug(stigmergy, app):
    wrong = NOTHING.replace('return Outcome({"ok": True}', 'return dict(x=Outcome({"ok": True}').replace(
        '"a note",))', '"a note",)))'
    )
    ran = stigmergy("run", app("nothing_b", wrong), "--engine", "local")
    assert ran.code == 1
    assert "main of nothing returned dict, not Outcome" in ran.complaint


def test_the_manifest_says_what_was_run_with_what(stigmergy, app, place):
    stigmergy("run", app("desk_e", DESK), "--engine", "local", "--seed", 7, "--limit", 3, "--budget-usd", "0.5")
    manifest = kept(place, "run.json")
    assert manifest["app"] == "desk"
    assert manifest["argv"][:4] == ["stigmergy", "run", "desk_e", "--engine"]
    assert (manifest["options"]["limit"], manifest["seed"], manifest["engine"]) == (3, 7, "local")
    assert manifest["budget"] == {"nano_usd": 500_000_000}
    assert set(manifest["versions"]) == {"stigmergy", "python", "ray", "sqlite", "platform"}
    assert manifest["started"] < manifest["ended"]
    assert (manifest["exit_code"], manifest["stop_reason"]) == (0, "done")
    assert manifest["figures"]["messages"] == 5


def test_secrets_are_not_written_down(stigmergy, app, place, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-from-the-environment")
    careless = BUG.replace('KeyError("ouch")', 'KeyError(os.environ["ANTHROPIC_API_KEY"])')
    ran = [
        stigmergy("run", app("desk_g", DESK), "--engine", "local", "--api-key", "sk-typed"),
        stigmergy("run", "desk_g", "--engine", "local", "--api-key=sk-typed"),
        stigmergy("run", app("bug_c", careless), "--engine", "local"),
    ]
    written = [path.read_bytes() for path in (place / "runs").rglob("*") if path.is_file()]
    assert any(b"Traceback" in text for text in written)
    assert [one.code for one in ran] == [0, 0, 1]
    for secret in ("sk-typed", "sk-from-the-environment"):
        assert not any(secret.encode() in text for text in written)
        assert not any(secret in one.out + one.err for one in ran)


def test_without_a_journal_nothing_is_kept(stigmergy, app, place):
    ran = stigmergy("run", app("desk_i", DESK), "--engine", "local", "--no-journal")
    assert ran.code == 0
    assert "journal" not in ran.out
    assert not (place / "runs").exists()


def test_every_swarm_of_an_app_has_its_own_manifest_and_seed(stigmergy, app, place):
    text = """
async def main(options, stage):
    for seed in (5, 6):
        async with stage.swarm(seed=seed) as swarm:
            await swarm.trail("x").define()
    return Outcome({})

app = App(name="two", summary="", options=Options, main=main)
"""
    ran = stigmergy("run", app("two", START + text), "--engine", "local", "--journal", "elsewhere")
    folders = sorted((place / "elsewhere").iterdir())
    assert sorted(json.loads((folder / "run.json").read_text())["seed"] for folder in folders) == [5, 6]
    assert "(and 1 more); look inside: stigmergy inspect elsewhere/" in ran.out


def test_dead_letters_are_shown_up_to_three_and_then_counted(stigmergy, app):
    asks = [word for _ in range(3) for word in ("--ask", "broken")]
    ran = stigmergy("run", app("desk_j", DESK), "--engine", "local", *asks)
    lines = [line for line in ran.err.splitlines() if "dead letter" in line]
    assert len(lines) == 4
    assert lines[0].startswith("dead letter: Question@1 to librarian/pool.1: handler failed: librarian/pool.1 at app.")
    assert " in look: ValueError: the page is " in lines[0]
    listed = json.loads(stigmergy("dead-letters", "last", "--json").out)["dead_letters"]
    assert all(" at app.py:" in dead["detail"] for dead in listed)
    assert lines[-1] == "3 more dead letters; `stigmergy dead-letters` lists them"
    assert "\x1b" not in ran.err


def test_a_warning_is_a_line_on_stderr_and_part_of_the_object_now_and_when_it_is_shown_again(stigmergy, app):
    text = SHOWS.replace('notes=("a note",)', 'notes=("a note",), warnings=("nobody\\nlistens",)')
    for command in (["run", app("warns", text), "--engine", "local"], ["resume", "last"]):
        ran = stigmergy(*command, "--json", *(["--quiet"] if command[0] == "run" else []))
        assert (ran.code, ran.complaint) == (0, "stigmergy: nobody")
        assert json.loads(ran.out)["warnings"] == ["nobody\nlistens"]


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ("def main(options, stage):\n    return Outcome({})", "is not async: write `async def main(options, stage)`"),
        ("async def main(options, stage):\n    pass", "returned NoneType, not Outcome: end it with `return Outcome("),
    ],
)
def test_a_main_that_is_none_says_what_it_lacks(stigmergy, app, main, said):
    text = f'{START}\n{main}\n\napp = App(name="odd", summary="x", options=Options, main=main)\n'
    ran = stigmergy("run", app("odd", text), "--engine", "local")
    assert (ran.code, f"main of odd {said}" in ran.complaint) == (1, True)


def test_hints_name_a_run_as_a_shell_takes_it_and_no_path_reaches_the_terminal_raw(stigmergy, app, place):
    ran = stigmergy("run", app("desk_q", DESK), "--engine", "local", "--quiet", "--journal", "my runs")
    (folder,) = (place / "my runs").iterdir()
    assert f"look inside: stigmergy inspect 'my runs/{folder.name}'\n" in ran.out
    words = ("--engine", "local", "--quiet", "--journal", "red\x1b[31m", "--budget-messages", 3)
    ran = stigmergy("run", app("desk_r", DESK), *words)
    assert ran.code == 3
    assert "\x1b" not in ran.out + ran.err
    assert "to go on: stigmergy resume $'red\\x1b[31m/" in ran.err
    (folder,) = (place / "red\x1b[31m").iterdir()
    assert "\x1b" not in stigmergy("inspect", folder).out
