"""The driver dies: ``stigmergy run`` is hit in mid-run, ``stigmergy resume`` goes on, and the end is the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Final

from .history import History
from .server import ROOT, environment
from .session import tickets

CLI: Final = (sys.executable, "-m", "stigmergy.runtime.cli")
END_S: Final = 180.0
"""A run that takes longer has failed."""
GROWTH: Final = 60_000
"""Bytes that a journal must grow before its driver is hit: then it is in mid-run."""
SIGNALS: Final = {"driver.kill": signal.SIGKILL, "driver.term": signal.SIGTERM, "driver.int": signal.SIGINT}


def play(folder: Path, seed: int, number: int, base_url: str, shards: int) -> None:
    """One run of an app, its driver hit once or twice; what was seen goes to the history in ``folder``."""
    draw = Random(f"{seed}/driver-{number}")
    faults = draw.choice((["driver.kill"], ["driver.kill", "driver.kill"], ["driver.term"], ["driver.int"]))
    app = ("colony", "desk")[number % 2]
    folder.mkdir(parents=True)
    history = History(folder / "history.jsonl")
    history.write("plan", name=folder.name, workload=f"{app}-cli", shards=shards)
    # Its own seed, so its own ids: the model server keeps one log for all.
    seeded = ["--seed", str(number)] if app == "desk" else []
    housed = ["--shards", str(shards), "--journal", str(folder)]
    words = [*CLI, "run", *_words(app, folder), *seeded, *housed, "--json", "--quiet"]
    env = environment(ANTHROPIC_BASE_URL=base_url, ANTHROPIC_API_KEY="test-key-of-nobody")
    try:
        for fault in faults:
            if _hit(words, env, folder, fault, draw, history):
                break
            left = _run_of(folder)
            if left is not None:
                words = [*CLI, "resume", str(left), "--json", "--quiet"]
        ended = subprocess.run(words, env=env, capture_output=True, text=True, timeout=END_S, cwd=folder)
        if ended.returncode:
            history.write("crashed", error=f"{words[3]} ended with {ended.returncode}: {ended.stderr[-500:]}")
        else:
            history.write("audit", report=json.loads(ended.stdout))
            history.write("closed")
    except Exception as error:  # noqa: BLE001 - the campaign counts it as a violation
        history.write("crashed", error=repr(error))
    finally:
        history.close()


def undisturbed(folder: Path) -> dict[str, Any]:
    """What the colony reports when nobody touches its driver."""
    folder.mkdir(parents=True)
    words = [*CLI, "run", *_words("colony", folder), "--engine", "local", "--journal", str(folder), "--json", "--quiet"]
    ran = subprocess.run(
        words, env=environment(), capture_output=True, text=True, timeout=END_S, cwd=folder, check=True
    )
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def _words(app: str, folder: Path) -> list[str]:
    if app == "colony":
        return [str(ROOT / "examples/ant_colony"), "--cycles", "150", "--ants", "6", "--seed", "7"]
    desk = [str(ROOT / "examples/support_desk"), "--brain", "claude", "--model-timeout-s", "2", "--at-once", "6"]
    return [*desk, "--input", str(tickets(folder))]


def _hit(words: list[str], env: dict[str, str], folder: Path, fault: str, draw: Random, history: History) -> bool:
    """Start a driver and hit it in mid-run. True when it had ended before."""
    driver = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        before, until = _size(folder), time.monotonic() + END_S
        while driver.poll() is None and _size(folder) < before + GROWTH and time.monotonic() < until:
            with suppress(subprocess.TimeoutExpired):
                driver.wait(timeout=0.05)
        with suppress(subprocess.TimeoutExpired):
            driver.wait(timeout=draw.uniform(0.0, 1.5))
        if driver.poll() is not None:
            return True
        history.write("fault", fault=fault, target="driver", pid=driver.pid)
        driver.send_signal(SIGNALS[fault])
        driver.wait(timeout=60)
        return False
    finally:
        if driver.poll() is None:
            driver.kill()
            driver.wait()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*/journal*.db*"))


def _run_of(folder: Path) -> Path | None:
    """The run that a driver left; one that was interrupted before its first message leaves none, and is run again."""
    return next((journal.parent for journal in folder.glob("*/journal.db")), None)
