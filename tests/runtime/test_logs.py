"""Logs: a sink that is slow, full or broken costs lines, never a turn."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import pytest

from stigmergy.runtime import Plant, Swarm, logs
from stigmergy.runtime.logs import LogFile
from stigmergy.runtime.performer import open_performer

from .cast import Fickle, Heard, Say


def test_lines_are_json_with_what_is_known(tmp_path: Path):
    log = LogFile(tmp_path / "logs" / "host.jsonl")
    log.logger(host="h.1").info("began", agent="a/1")
    log.close()
    (line,) = (tmp_path / "logs" / "host.jsonl").read_text().splitlines()
    assert json.loads(line).items() >= {"event": "began", "host": "h.1", "agent": "a/1", "level": "info"}.items()
    assert (tmp_path / "logs" / "host.jsonl").stat().st_mode & 0o077 == 0


@pytest.fixture(params=["full disk", "no folder", "nobody reads", "broken pipe"])
def bad_sink(request, tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(logs, "FAREWELL_S", 0.1)
    if request.param == "full disk":
        return Path("/dev/full")
    if request.param == "no folder":
        (tmp_path / "file").write_text("")
        return tmp_path / "file" / "host.jsonl"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if request.param == "broken pipe":
        os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
    return pipe


def test_a_bad_sink_takes_no_time_and_what_it_loses_is_counted(bad_sink: Path, monkeypatch):
    monkeypatch.setattr(logs, "WAITING", 10)
    log = LogFile(bad_sink)
    for number in range(100):
        log.logger().info("line", number=number)
    log.close()
    assert log.dropped > 0


async def test_a_run_goes_on_without_its_logs(tmp_path: Path, bad_sink: Path):
    async with Swarm(journal=tmp_path / "runs", plant=Plant(engine="local")) as swarm:
        assert swarm.folder is not None
        (swarm.folder.logs / "host-1.1.jsonl").symlink_to(bad_sink)
        swarm.add(Fickle)
        assert (await swarm.ask("fickle/one", Say(text="a", n=1), reply=Heard)).text == "attempt 1"


async def test_an_await_that_was_forgotten_in_a_host_of_its_own_is_in_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # to be put back
    config = {"name": "host-1.1", "kinds": [], "paths": [], "seed": 0, "birth": "b", "logs": str(tmp_path)}
    performer = open_performer({**config, "apart": True})
    warnings.showwarning("coroutine 'Facts.put' was never awaited", RuntimeWarning, "/somewhere/app.py", 41)
    await performer.close()
    (line,) = (tmp_path / "host-1.1.jsonl").read_text().splitlines()
    known = json.loads(line)
    assert known["text"] == "app.py:41: RuntimeWarning: coroutine 'Facts.put' was never awaited"
    assert known["advice"].endswith("(app.py:41): write await before it")
