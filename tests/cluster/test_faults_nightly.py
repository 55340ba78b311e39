"""Faults that take long to be noticed: a handler that never yields, the end of Ray's control service; more poison."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stigmergy.actors.journal import SqliteJournal
from stigmergy.protocols import DeliveryError
from stigmergy.runtime import Plant, Swarm
from tests.cluster.cast import Poison
from tests.cluster.nodes import children
from tests.cluster.test_faults import poisoned
from tests.runtime.cast import Echo, Heard, Say
from tests.runtime.cli.samples import WAITS

pytestmark = [pytest.mark.ray, pytest.mark.nightly]

GCS_PATIENCE_S = 8
"""After so long without its control service Ray ends a driver; 60 s by default."""


@pytest.mark.usefixtures("ray_session")
async def test_an_endless_loop_is_buried_and_others_go_on(tmp_path):
    async with Swarm(journal=tmp_path, plant=Plant(hosts=2)) as swarm:
        swarm.add(Poison)
        swarm.add(Echo)
        with pytest.raises(DeliveryError, match="killed its host 3 times"):
            await swarm.ask("poison/one", Say(text="hang"), reply=Heard, timeout_s=240)
        heard = [(await swarm.ask(f"echo/{n}", Say(text="hi"), reply=Heard, timeout_s=60)).text for n in range(8)]
        assert heard == ["hi!"] * 8
        assert (await swarm.report()).dead_letters == {"killed its host": 1}


@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize("poison", ["segfault", "killed"])
async def test_poison_that_ends_its_process_in_other_ways_is_buried_too(tmp_path, poison: str):
    neighbours, dead_letters = await poisoned(tmp_path, poison)
    assert neighbours <= {1, 2}
    assert dead_letters == {"killed its host": 1}


def test_without_rays_control_service_a_run_ends_and_its_journal_is_whole(tmp_path: Path):
    app = tmp_path / "waits_g"
    app.mkdir()
    (app / "app.py").write_text(WAITS, encoding="utf-8")
    command = [sys.executable, "-m", "stigmergy.runtime.cli", "run", "waits_g", "--hosts", "1"]
    environ = {**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": str(GCS_PATIENCE_S)}
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=-1, stderr=-1, text=True) as driver:
        try:
            assert driver.stderr is not None
            assert any("waiting" in line for line in driver.stderr)
            (control,) = [pid for pid in children(driver.pid) if "gcs_server" in name_of(pid)]
            os.kill(control, signal.SIGKILL)
            driver.communicate(timeout=60)
        finally:
            driver.kill()
    assert driver.returncode not in {0, -signal.SIGKILL}
    (database,) = tmp_path.glob("runs/*/journal.db")
    view = SqliteJournal.open_readonly(database)
    assert view.last_seq > 0
    view.close()
    looked = subprocess.run(
        [sys.executable, "-m", "stigmergy.runtime.cli", "inspect", "last", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (looked.returncode, json.loads(looked.stdout)["damage"]) == (0, "")


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()
