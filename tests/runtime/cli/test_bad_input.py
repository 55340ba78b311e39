"""Bad input: one line that says what is wrong, exit code 2, no traceback, and nothing left behind."""

from __future__ import annotations

import socket

import pytest

from .samples import DESK, NOTHING, START

BROKEN = {
    "raises": START + "\n\ndef f():\n    return 1 / 0\n\n\nf()\n",
    "misspelt": "x = (1,\n",
    "without": "x = 1\n",
    "wrong": "app = 'x'\n",
    "exits": "import sys\nsys.exit(3)\n",
    "imports": "import no_such_module_anywhere\n",
    "clashes": START
    + "class O(Options):\n    seed: int = 0\n\napp = App(name='x', summary='', options=O, main=None)\n",
    "nests": START
    + "class O(Options):\n    table: dict[str, int] = {}\n\napp = App(name='x', summary='', options=O, main=None)\n",
    "json": NOTHING,
}


@pytest.fixture
def apps(app, place):
    for name, text in {**BROKEN, "desk": DESK, "nothing": NOTHING}.items():
        app(name, text)
    (place / "empty").mkdir()
    (place / "a-b").mkdir()
    (place / "a-b" / "app.py").write_text(NOTHING)
    (place / "note.txt").write_text("x")
    (place / "string.py").write_text(NOTHING)


CASES = {
    "run": ["say which app"],
    "run nowhere": ["there is no app 'nowhere'"],
    "run no.such.module": ["there is no app 'no.such.module'"],
    "run ./dsk": ["there is no app at ./dsk", "did you mean desk?"],
    "run empty": ["has no app.py"],
    "run a-b": ["'a-b' cannot be imported: rename it"],
    "run note.txt": ["note.txt is not a Python file"],
    "run raises": ["raises/app.py:12: ZeroDivisionError: division by zero"],
    "run misspelt": ["misspelt/app.py:1: SyntaxError"],
    "run without": ["without/app.py defines no app"],
    "run wrong": ["`app` in", "is str, not App"],
    "run exits": ["exits/app.py:2: it ends the process"],
    "run imports": ["imports/app.py:1: ModuleNotFoundError: No module named 'no_such_module_anywhere'"],
    "run clashes": ["option 'seed' is also an option of stigmergy run (--seed); rename it"],
    "run nests": ["option 'table' of O cannot be a flag"],
    "run json": ["json/app.py cannot be imported, because another module is called 'json': rename it"],
    "run string.py": ["string.py cannot be imported, because another module is called 'string': rename it"],
    "run desk --mod calm": ["unknown option --mod (did you mean --mood?)", "see stigmergy run desk --help"],
    "run --sed 3 desk": ["unknown option --sed (did you mean --seed?)"],
    "run desk more": ["unknown argument more"],
    "run desk --mood angy": ["--mood", "'angy'", "'calm', 'angry'"],
    "run desk --limit ten": ["--limit ten: input should be a valid integer"],
    "run desk --limit 0": ["--limit 0: input should be greater than or equal to 1"],
    "run desk --limit": ["--limit: expected one argument"],
    "run nothing --input x": ["nothing reads no input file, so it has no --input"],
    "run desk --input missing.csv": ["--input missing.csv is not a file: give a text file"],
    "run desk --seed x": ["--seed: 'x' is not a whole number"],
    "run desk --seed -1": ["--seed: -1 is negative"],
    "run desk --hosts 1.5": ["--hosts: '1.5' is not a whole number"],
    "run desk --hosts 0": ["--hosts: 0 is too few; give a whole number from 1 to 1,000"],
    "run desk --hosts -1": ["--hosts: -1 is too few; give a whole number from 1 to 1,000"],
    "run desk --hosts 1000000": ["--hosts: 1000000 is too many; give a whole number from 1 to 1,000: every host is a"],
    "run desk --shards 65": ["--shards: 65 is too many; give a whole number from 1 to 64: every shard has a link to"],
    f"run desk --journal {'n' * 300}": ["--journal nnnnn", "File name too long; choose another place"],
    "run desk --budget-usd -1": ["--budget-usd is '-1': an amount of money is from 0"],
    "run desk --budget-usd lots": ["--budget-usd is 'lots', which is not a number"],
    "run desk --budget-messages -3": ["--budget-messages: -3 is negative"],
    "run desk --budget-seconds nan": ["--budget-seconds: nan is not valid"],
    "run desk --engine rya": ["--engine", "'rya'", "'ray', 'local'"],
    "run desk --address auto --engine local": ["--address is for Ray"],
    "run desk --address head": ["--address head is no address: give auto, or host:port"],
    "run desk --journal note.txt": ["--journal note.txt", "is not a folder; choose another place"],
    "run desk --journal x --no-journal": ["not allowed with argument"],
    "rnu desk": ["unknown command 'rnu' (did you mean run?)"],
    "runs nowhere": ["there is no folder nowhere"],
    "inspect": ["the following arguments are required: RUN"],
    "inspect last": ["there is no run in runs/ yet"],
    "inspect 2026": ["there is no run '2026' in runs/"],
    "inspect last --jsn": ["unknown option --jsn (did you mean --json?)"],
    "trace last": ["say which conversation"],
    "trace nowhere --largest": ["there is no run 'nowhere'"],
    "dead-letters nowhere": ["there is no run 'nowhere'"],
    "dead-letters nowhere --put-back": ["--put-back: expected at least one argument"],
    "approve nowhere": ["there is no run 'nowhere'"],
    "approve last x --happened {": ["--happened: '{' is not JSON", "for no result give null"],
    "approve last x --do --give-up": ["not allowed with argument"],
}


@pytest.mark.usefixtures("apps")
@pytest.mark.parametrize("line", CASES)
def test_bad_input_is_told_in_one_line(stigmergy, place, line):
    if line.startswith("run ") and "--engine" not in line and "--address" not in line:
        line_of_words = [*line.split(), "--engine", "local"]
    else:
        line_of_words = line.split()
    ran = stigmergy(*line_of_words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.complaint.startswith("stigmergy: ")
    assert all(part in ran.complaint for part in CASES[line]), ran.complaint
    assert not (place / "runs").exists()


@pytest.mark.usefixtures("apps")
@pytest.mark.parametrize("words", [("--journal", ""), ("--journal=",), ("--journal", " ")])
def test_a_place_for_runs_without_a_name_is_refused_and_nothing_is_written(stigmergy, place, words):
    before = set(place.iterdir())
    ran = stigmergy("run", "nothing", "--engine", "local", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.complaint.startswith("stigmergy: --journal is empty: give a folder or a URL, or --no-journal")
    assert set(place.iterdir()) - before <= {place / "__pycache__"}


def test_an_unwritable_place_for_runs_is_refused_before_the_app_runs(stigmergy, app, place):
    name = app(
        "eager", NOTHING.replace("async def main(options, stage):", "async def main(options, stage):\n    1 / 0")
    )
    (place / "file").write_text("")
    ran = stigmergy("run", name, "--journal", place / "file" / "runs")
    assert ran.code == 2
    assert "is not a folder; choose another place" in ran.complaint


def test_a_cluster_that_does_not_answer_is_refused_before_ray_is_asked(stigmergy, app, place):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ran = stigmergy("run", app("nothing_c", NOTHING), "--address", f"127.0.0.1:{port}")
    assert ran.code == 2
    assert f"--address 127.0.0.1:{port} does not answer (Connection refused)" in ran.complaint
    assert not (place / "runs").exists()


def test_bad_input_that_shows_late_leaves_no_run_behind(stigmergy, app, place):
    late = """
async def main(options, stage):
    async with stage.swarm() as swarm:
        raise UsageError("the last line of the file is empty: remove it")

app = App(name="late", summary="", options=Options, main=main)
"""
    ran = stigmergy("run", app("late", START + late), "--engine", "local")
    assert (ran.code, ran.complaint) == (2, "stigmergy: the last line of the file is empty: remove it")
    assert not (place / "runs").exists()


def test_what_was_there_before_stays(stigmergy, app, place):
    (place / "runs" / "mine").mkdir(parents=True)
    late = """
async def main(options, stage):
    async with stage.swarm() as swarm:
        raise UsageError("no")

app = App(name="late", summary="", options=Options, main=main)
"""
    stigmergy("run", app("late_b", START + late), "--engine", "local")
    assert [path.name for path in (place / "runs").iterdir()] == ["mine"]
