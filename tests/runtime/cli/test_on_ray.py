"""The same on a real local Ray."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .samples import NOISY

pytestmark = pytest.mark.ray


def test_ray_and_its_workers_do_not_reach_stdout_or_stderr(app, place):
    words = ("run", app("noisy_r", NOISY), "--json", "--hosts", "1", "--quiet")
    command = [sys.executable, "-m", "stigmergy.runtime.cli", *words]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["ok"] is True
    assert ran.stderr.splitlines() == ["the app prints"]
