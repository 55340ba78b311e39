"""Ctrl-C as a terminal sends it to a real process, and SIGTERM as a service manager does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stigmergy.runtime.cli import interrupts
from stigmergy.runtime.cli.interrupts import Interrupts
from tests.forking import LIMIT_S

from .samples import START, STARTS, WAITS


@pytest.fixture
def started(forker, place):
    """Begin a run in a process of its own; it goes on from the moment when it has printed a certain line."""

    @contextmanager
    def start(*words, until):
        with forker.start(place, [*([] if words[0] == "resume" else ["run"]), *words]) as process:
            wait_for(process, until)
            yield process

    return start


@contextmanager
def program(place, *words, until):
    """The same in an interpreter of its own."""
    command = [sys.executable, "-m", "stigmergy.runtime.cli", "run", *words]
    with subprocess.Popen(command, cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            wait_for(process, until)
            yield process
        finally:
            process.kill()


def wait_for(process, text):
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"it ended before it said {text!r}")


STOPPERS = pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])


@STOPPERS
def test_what_stopped_a_run_is_said_at_once_and_afterwards(app, place, stigmergy, number, name, started):
    with started(app("waits_w", WAITS), "--engine", "local", "--json", until="waiting") as process:
        process.send_signal(number)
        _, err = process.communicate()
    assert f"{name}: stopping in good order; a second one stops at once" in err
    assert stigmergy("inspect", "last").out.splitlines()[1].strip() == f"stopped (user): {name}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_one_stops_in_good_order_with_a_partial_report(app, place, stigmergy, number, started):
    with started(app("waits_a", WAITS), "--engine", "local", "--json", until="waiting") as process:
        process.send_signal(number)
        out, err = process.communicate()
    assert process.returncode == 130
    assert json.loads(out)["stop_reason"] == "user"
    assert "stopping in good order" in err
    assert "Traceback" not in err
    folder = Path(json.loads(out)["journal"])
    assert not (folder / "journal.db-wal").exists(), "the journal was not closed"
    assert json.loads(stigmergy("inspect", "last", "--json").out)["damage"] == ""


@pytest.mark.parametrize("resumed", [False, True])
def test_one_that_comes_while_the_swarm_starts_stops_it_as_soon_as_it_has(app, place, stigmergy, resumed, started):
    os.mkfifo(place / "gate")
    words = (app("starts_a", STARTS), "--engine", "local", "--json", "--ask", "plain", "--ask", "plain again")
    for command in [words, ("resume", "last", "--json")][: 1 + resumed]:
        with started(*command, until="starting") as process:
            process.send_signal(signal.SIGINT)
            wait_for(process, "stopping in good order")
            (place / "gate").write_text("open")
            out, err = process.communicate()
        report = json.loads(out)
        assert (process.returncode, report["stop_reason"]) == (130, "user")
        assert (report["answers"], report["untouched"]) == ([], 2)
        assert "stigmergy: to go on: stigmergy resume" in err
        looked = stigmergy("inspect", report["journal"])
        assert (looked.code, looked.out.splitlines()[1].strip()) == (0, "stopped (user): Ctrl-C")


HANGS = (
    START
    + """
from stigmergy.runtime import Swarm
from stigmergy.runtime.cli import interrupts
from stigmergy.runtime.engines import LocalEngine

async def hang(*_):
    told.progress(1, 1, "ready")
    await asyncio.Event().wait()

async def cannot_begin(stage):
    interrupts.GRACE_S, interrupts.OPENING_S = 0.2, 1.0
    LocalEngine.start = hang
    async with stage.swarm():
        pass

async def has_ended(stage):
    async with stage.swarm():
        pass
    await hang()

async def cannot_be_told(stage):
    async def stop(*_):
        raise RuntimeError("odd")

    Swarm.stop = stop
    async with stage.swarm():
        await hang()

class Which(Options):
    swarm: str

async def main(options, stage):
    global told
    told, interrupts.GRACE_S = stage, 600
    await globals()[options.swarm](stage)
    return Outcome({})

app = App(name="hangs", summary="Waits for ever, with a swarm that does not help", options=Which, main=main)
"""
)


@pytest.mark.parametrize("swarm", ["cannot_begin", "has_ended", "cannot_be_told"])
def test_one_is_enough_whatever_is_wrong_with_the_swarm(app, place, swarm, started):
    words = (app(f"hangs_{swarm}", HANGS), "--engine", "local", "--swarm", swarm)
    with started(*words, until="ready") as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert (process.returncode, "Traceback" in out + err) == (130, False)
    assert ("could not be told to stop (RuntimeError: odd)" in err) == (swarm == "cannot_be_told")
    assert not (place / "runs").exists()


def test_a_run_whose_reader_has_gone_can_still_be_stopped(app, place, started):
    with started(app("waits_e", WAITS), "--engine", "local", "--json", until="waiting") as process:
        process.stderr.close()  # as `2>&1 | head -1` does
        process.send_signal(signal.SIGTERM)
        out = process.stdout.read()
        assert process.wait() == 130
    assert json.loads(out)["stop_reason"] == "user"


def test_the_second_one_stops_at_once_and_the_journal_stays_sound(app, place, stigmergy, started):
    words = (app("waits_b", WAITS + within(0)), "--engine", "local", "--stubborn", "--json")
    with started(*words, until="waiting") as process:
        out, err = signalled_twice(process, signal.SIGINT)
    (folder,) = (place / "runs").iterdir()
    assert process.returncode == 130
    assert (json.loads(out)["stop_reason"], json.loads(out)["messages"]) == ("user", 1)
    assert f"stigmergy: to go on: stigmergy resume {folder.name}" in err.splitlines()
    assert "Traceback" not in err
    ran = stigmergy("inspect", "last", "--json")
    assert (ran.code, json.loads(ran.out)["damage"]) == (0, "")


def signalled_twice(process: Any, second: signal.Signals) -> tuple[str, str]:
    """What it printed that was asked to stop, and then once more before it had."""
    process.send_signal(signal.SIGINT)
    wait_for(process, "stopping in good order")
    process.send_signal(second)
    out, err = process.communicate()
    return out, err


def within(seconds: float) -> str:
    """The line of an app for which the same signal within these is no second one."""
    return f"\nfrom stigmergy.runtime.cli import interrupts\ninterrupts.REPEAT_S = {seconds}\n"


def test_the_same_once_more_at_the_same_moment_is_not_a_second_one(app, place, started):
    with started(app("waits_f", WAITS + within(600)), "--engine", "local", "--json", until="waiting") as process:
        for _ in range(3):
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert (process.returncode, json.loads(out)["answered"]) == (130, 0), "the app handed in what it had"
    assert "stopped by the user: SIGTERM;" in err


def test_another_one_is_a_second_one_at_any_moment(app, place, started):
    words = (app("waits_g", WAITS + within(600)), "--engine", "local", "--stubborn", "--json")
    with started(*words, until="waiting") as process:
        out, _ = signalled_twice(process, signal.SIGTERM)
    assert process.returncode == 130
    assert "answered" not in json.loads(out), "the app had no time to hand in anything"


def test_a_running_swarm_can_be_looked_into(app, place, stigmergy, started):
    with started(app("waits_c", WAITS), "--engine", "local", until="waiting"):
        listed = json.loads(stigmergy("runs", "--json").out)["runs"]
        looked = stigmergy("inspect", "last")
    assert [run["ended_by"] for run in listed] == ["running"]
    assert (looked.code, looked.out.splitlines()[1].strip()) == (0, "running")


def test_a_killed_run_is_known_as_killed_and_can_be_looked_into(app, place, stigmergy, started):
    with started(app("waits_d", WAITS), "--engine", "local", until="waiting") as process:
        process.kill()
        process.communicate()
    listed = json.loads(stigmergy("runs", "--json").out)["runs"]
    assert [(run["app"], run["ended_by"]) for run in listed] == [("waits", "killed")]
    assert stigmergy("inspect", "last").out.splitlines()[1].strip() == "killed"


@pytest.mark.ray
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_on_ray_too(app, place, number):
    with program(place, app("waits_r", WAITS), "--json", "--hosts", "1", until="waiting") as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=LIMIT_S)
    assert not (Path(json.loads(out)["journal"]) / "journal.db-wal").exists(), "the journal was not closed"
    assert (process.returncode, json.loads(out)["stop_reason"]) == (130, "user")


def test_it_is_acknowledged_at_once_though_the_loop_is_busy():
    said: list[str] = []
    heard = threading.Event()

    def say(text):
        said.append(text)
        heard.set()

    async def busy():
        task = asyncio.create_task(asyncio.sleep(60))
        with Interrupts(lambda: (), say, lambda: None, lambda _: None).watching(task):
            os.kill(os.getpid(), signal.SIGINT)
            assert heard.wait(10)  # nothing else runs on this loop meanwhile
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(busy())
    assert said == ["Ctrl-C: stopping in good order; a second one stops at once"]


def test_what_keeps_everything_from_stopping_is_named_with_what_helps(monkeypatch):
    monkeypatch.setattr(interrupts, "BEAT_S", 0.01)
    said: list[str] = []
    stands = threading.Event()

    def say(text):
        said.append(text)
        if len(said) > 1:
            stands.set()

    def spin():
        os.kill(os.getpid(), signal.SIGTERM)
        assert stands.wait(10)

    async def busy():
        task = asyncio.create_task(asyncio.sleep(60))
        with Interrupts(lambda: (), say, lambda: None, lambda _: None).watching(task):
            spin()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(busy())
    line = re.fullmatch(
        r"(.*) has not returned for \d s, and nothing else goes on: only a second SIGTERM stops it", said[1]
    )
    assert line, said
    assert re.fullmatch(r"test_interrupts\.py:\d+ in spin", line[1])
