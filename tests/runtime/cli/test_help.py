"""What is printed without an app, and how little is loaded for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stigmergy.runtime.cli.main import COMMANDS

from .samples import DESK


def test_help_names_every_command(stigmergy):
    ran = stigmergy("--help")
    assert ran.code == 0
    assert all(f"  {name} " in ran.out for name in COMMANDS)


def test_no_command_means_help(stigmergy):
    assert stigmergy() == stigmergy("--help")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(stigmergy, command):
    ran = stigmergy(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"usage: stigmergy {command}")


def test_help_loads_nothing_heavy():
    code = "import sys; from stigmergy.runtime.cli import main; main(['--help']); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"ray", "rich", "anthropic", "numpy", "argparse", "pydantic"} & set(ran.stdout.splitlines()[-1].split())


def test_the_help_of_an_app_shows_its_options_and_those_of_every_app(stigmergy, app):
    ran = stigmergy("run", app("desk_h", DESK), "--help")
    assert ran.code == 0
    own, general = ran.out.split("how it runs:")
    assert "Answers questions" in own
    assert "--dry-run, --no-dry-run" in own
    assert "--mood {calm,angry}" in own
    assert "100 % at most (default: 10)" in own
    assert "--budget-usd" in general


@pytest.mark.parametrize("words", [("run", "--help"), ("run", "desk_e", "--help")])
def test_the_help_of_a_run_says_which_engine_is_the_default(stigmergy, app, words):
    app("desk_e", DESK)
    ran = stigmergy(*words)
    about = " ".join(ran.out.split("--engine {ray,local}")[-1].partition("--address")[0].split())
    assert about.startswith("ray: a process per core")
    assert about.endswith("local: one process, without Ray (default: ray)")


def test_the_help_of_a_resumed_run_names_no_defaults_but_its_own(stigmergy):
    ran = stigmergy("resume", "--help")
    assert "--engine {ray,local}" in ran.out
    assert ran.out.count("default") == 1  # where runs are kept


def test_version(stigmergy):
    ran = stigmergy("--version")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("stigmergy ")


def test_the_module_runs_as_a_program():
    ran = subprocess.run([sys.executable, "-m", "stigmergy.runtime.cli", "nonsense"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "unknown command 'nonsense'" in ran.stderr
