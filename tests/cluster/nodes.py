"""A cluster of several nodes on this machine: real raylets, each with its own workers, and a way to pull a plug."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stigmergy.actors.transport.cluster import OBJECT_STORE_BYTES, QUIET


class Nodes:
    """A head and more nodes. What runs where is asked of Ray itself."""

    def __init__(self, count: int) -> None:
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - after the settings of `nodes`

        common: dict[str, Any] = {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
        head = {**common, "resources": {"head": 1}, "no_monitor": True, "include_log_monitor": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._common = common
        self._others = [self.add() for _ in range(count - 1)]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self) -> Any:
        return self._cluster.add_node(**self._common, resources={"other": 1})

    def pull_the_plug(self, node_id: str) -> None:
        """Kill a node and all that runs there, without a word to it."""
        node = next(node for node in self._others if node.node_id == node_id)
        raylet = node.all_processes["raylet"][0].process
        workers = children(raylet.pid)
        raylet.kill()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        raylet.wait()  # a zombie would count as alive with its workers
        self._others.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def grow(self) -> None:
        self._others.append(self.add())

    @property
    def others(self) -> set[str]:
        """The ids of the nodes that are not the head."""
        return {str(node.node_id) for node in self._others}

    def shutdown(self) -> None:
        self._cluster.shutdown()


@contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    """So many nodes with token auth, in a temporary folder of their own."""
    with tempfile.TemporaryDirectory(prefix="r-", ignore_cleanup_errors=True) as folder:  # socket paths are short
        before = dict(os.environ)
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": before.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)}
        # RAY_TMPDIR: without it, whoever starts a driver on this machine would be sent to this cluster.
        os.environ.update(QUIET, **token, RAY_TMPDIR=folder, RAY_worker_niceness="0")
        try:
            cluster = Nodes(count)
            try:
                yield cluster
            finally:
                cluster.shutdown()
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def ray_start(*words: str, environ: dict[str, str], inside: tuple[str, ...] = ()) -> Iterator[None]:
    """A ``ray start`` of our own, with all that it starts, until the block ends; ``inside`` is a command before it."""
    ray_itself = str(Path(sys.executable).with_name("ray"))
    own = [ray_itself, "start", "--block", "--num-cpus=1", f"--object-store-memory={OBJECT_STORE_BYTES}"]
    command = [*inside, *own, "--no-monitor", "--include-log-monitor=false", *words]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as ray:
        try:
            assert ray.stdout is not None
            assert any("Ray runtime started" in line for line in ray.stdout)
            yield
        finally:
            ours = [ray.pid, *children(ray.pid)]
            ray.send_signal(signal.SIGTERM)
            try:
                ray.wait(10)
            except subprocess.TimeoutExpired:
                for pid in ours:
                    os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def children(pid: int) -> list[int]:
    """The processes that a process has started and not yet reaped."""
    found: list[int] = []
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it has ended meanwhile
            found += map(int, each.read_text().split())
    return found


def node_of(process: Any) -> str:
    """The node on which a process of a swarm runs, as Ray sees it."""
    import ray  # noqa: PLC0415 - only where it runs

    found: str = ray._private.state.actors(process.actor._actor_id.hex())["Address"]["NodeID"]
    return found


def holders(file: Path) -> set[int]:
    """The processes of this machine that have a file open."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == file:
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return found
