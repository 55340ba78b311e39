"""The same on a real local Ray."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .samples import NOISY

pytestmark = pytest.mark.ray


def test_of_what_workers_of_ray_print_only_a_forgotten_await_is_told(app, place):
    forgetful = NOISY.replace('        print("the agent', '        asyncio.sleep(1)\n        print("the agent')
    words = ("run", app("noisy_r", forgetful), "--json", "--hosts", "1", "--quiet")
    command = [sys.executable, "-m", "stigmergy.runtime.cli", *words]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["ok"] is True
    line = 1 + forgetful.splitlines().index("        asyncio.sleep(1)")
    assert ran.stderr.splitlines() == [
        "the app prints",
        f"stigmergy: coroutine 'sleep' was never awaited, so it did nothing (app.py:{line}): write await before it",
    ]
