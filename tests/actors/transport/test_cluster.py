"""Starting Ray: what happens to a process that is told to end meanwhile."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stigmergy.actors.transport.cluster import Cluster
from stigmergy.protocols.errors import UsageError


@pytest.fixture
def ray(monkeypatch):
    """A Ray that puts its own handler in the place of ours, as the real one does, and is told to end as it starts.

    Nobody says so a second time.
    """
    shut: list[int] = []
    folders: list[Path] = []

    def init(**options):
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
        folders.append(Path(options["_temp_dir"]))
        if len(folders) == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    fake = SimpleNamespace(
        init=init, is_initialized=lambda: False, shutdown=lambda: shut.append(1), shut=shut, folders=folders
    )
    monkeypatch.setitem(sys.modules, "ray", fake)
    before = signal.getsignal(signal.SIGTERM)
    yield fake
    signal.signal(signal.SIGTERM, before)


def test_sigterm_while_ray_starts_is_for_whoever_handled_it_before_and_ray_is_started_all_the_same(ray):
    heard: list[int] = []

    def ours(number, _frame):
        heard.append(number)

    signal.signal(signal.SIGTERM, ours)
    cluster = Cluster("local", cores=1)
    cluster.start()
    assert signal.getsignal(signal.SIGTERM) is ours
    assert heard == [signal.SIGTERM]
    assert ray.shut == [1]
    assert [folder.exists() for folder in ray.folders] == [False, True]
    cluster.stop()
    assert not ray.folders[1].exists()


def test_what_whoever_handled_it_raises_ends_the_start(ray):
    def ours(_number, _frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ours)
    with pytest.raises(KeyboardInterrupt):
        Cluster("local", cores=1).start()
    assert signal.getsignal(signal.SIGTERM) is ours
    assert [folder.exists() for folder in ray.folders] == [False]


def test_sigterm_while_ray_starts_ends_a_process_that_does_not_handle_it(ray):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with pytest.raises(SystemExit):
        Cluster("local", cores=1).start()


def test_a_ray_that_does_not_come_up_here_is_told_in_one_line(ray):
    def init(**options):
        ray.folders.append(Path(options["_temp_dir"]))
        raise Exception("The current node timed out during startup.\nMore.")  # noqa: TRY002 - as Ray does

    ray.init = init
    with pytest.raises(UsageError, match=r"Ray did not start on this machine: The current node .* startup; if it is"):
        Cluster("local", cores=1).start()
    assert not ray.folders[0].exists()
