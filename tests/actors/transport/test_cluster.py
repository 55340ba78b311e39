"""Starting Ray: what happens to a process that is told to end meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stigmergy.actors.transport.cluster import Cluster


@pytest.fixture
def ray(monkeypatch):
    """A Ray that puts its own handler in the place of ours, as the real one does, and is told to end as it starts."""
    shut: list[int] = []
    folders: list[Path] = []

    def init(**options):
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
        folders.append(Path(options["_temp_dir"]))
        os.kill(os.getpid(), signal.SIGTERM)

    fake = SimpleNamespace(
        init=init, is_initialized=lambda: False, shutdown=lambda: shut.append(1), shut=shut, folders=folders
    )
    monkeypatch.setitem(sys.modules, "ray", fake)
    before = signal.getsignal(signal.SIGTERM)
    yield fake
    signal.signal(signal.SIGTERM, before)


def test_sigterm_while_ray_starts_is_for_whoever_handled_it_before(ray):
    def ours(_number, _frame):
        pass

    signal.signal(signal.SIGTERM, ours)
    with pytest.raises(asyncio.CancelledError):
        Cluster("local", cores=1).start()
    assert signal.getsignal(signal.SIGTERM) is ours
    assert ray.shut
    assert not ray.folders[0].exists()


def test_sigterm_while_ray_starts_ends_a_process_that_does_not_handle_it(ray):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with pytest.raises(SystemExit):
        Cluster("local", cores=1).start()
