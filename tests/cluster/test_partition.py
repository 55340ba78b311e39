"""A node that is cut off from the board, by a real cable between real network namespaces, and comes back."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stigmergy.actors.journal import SqliteJournal
from stigmergy.actors.transport.cluster import QUIET
from stigmergy.runtime import Plant, Swarm
from tests.cluster.nodes import free_port, ray_start
from tests.runtime.cast import Diary, Heard, Say

pytestmark = [pytest.mark.ray, pytest.mark.nightly]

SPACE, NEAR, FAR = "stig-far", "stig-near", "stig-end"
HEAD, NODE = "10.77.0.1", "10.77.0.2"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def cable(require) -> Iterator[None]:
    """A second network, connected with ours by one cable."""
    require(os.geteuid() == 0 and shutil.which("ip"), "a network namespace takes root and iproute2")
    ip("netns", "add", SPACE)
    try:
        ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", SPACE)
        ip("addr", "add", f"{HEAD}/24", "dev", NEAR)
        ip("link", "set", NEAR, "up")
        ip("-n", SPACE, "addr", "add", f"{NODE}/24", "dev", FAR)
        ip("-n", SPACE, "link", "set", FAR, "up")
        ip("-n", SPACE, "link", "set", "lo", "up")
        yield
    finally:
        ip("netns", "del", SPACE)


@pytest.fixture
def address(cable, no_ray, monkeypatch) -> Iterator[str]:
    """A head here, and a node at the other end of the cable."""
    with ExitStack() as stack:
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32)}
        for name, value in {**QUIET, **token}.items():
            monkeypatch.setenv(name, value)
        folders = [
            stack.enter_context(tempfile.TemporaryDirectory(prefix="r-", ignore_cleanup_errors=True)) for _ in "12"
        ]
        port = free_port()
        head = ("--head", f"--port={port}", f"--node-ip-address={HEAD}", f"--temp-dir={folders[0]}")
        environ = {**os.environ, "RAY_TMPDIR": folders[0]}
        stack.enter_context(ray_start(*head, "--include-dashboard=false", environ=environ))
        node = (f"--address={HEAD}:{port}", f"--node-ip-address={NODE}")
        stack.enter_context(ray_start(*node, environ=environ, inside=("ip", "netns", "exec", SPACE)))
        yield f"{HEAD}:{port}"


async def test_a_host_that_is_cut_off_is_replaced_and_ends_itself(address: str, tmp_path: Path, capfd):
    events: list[tuple[str, dict[str, Any]]] = []
    names = [f"diary/{n}" for n in range(16)]
    plant = Plant(address=address, hosts=2)
    async with Swarm(journal=tmp_path, plant=plant, on_event=lambda n, d: events.append((n, d))) as swarm:
        swarm.add(Diary)
        for name in names:
            await swarm.tell(name, Say(text="before"))
        far = [name for name, said in (await swarm.processes()).items() if in_space(said["pid"])]
        assert len(far) == 1
        pid = (await swarm.processes())[far[0]]["pid"]
        began = time.monotonic()
        ip("link", "set", NEAR, "down")
        for name in names:
            await swarm.tell(name, Say(text="meanwhile"))
        heard = await asyncio.gather(*(swarm.ask(name, Heard(text=""), reply=Heard, timeout_s=90) for name in names))
        recovered = time.monotonic() - began
        assert {diary.text for diary in heard} == {"before,meanwhile"}
        ip("link", "set", NEAR, "up")
        async with asyncio.timeout(90):
            while Path(f"/proc/{pid}").exists():  # noqa: ASYNC110, ASYNC240 - no event tells
                await asyncio.sleep(0.2)
        assert [data["host"] for name, data in events if name == "host_lost"][:1] == far
        assert swarm.folder is not None
        database = swarm.folder.path / "journal.db"
    view = SqliteJournal.open_readonly(database)
    done = Counter(entry.data["id"] for entry in view.read() if entry.kind == "mail.done")
    view.close()
    assert set(done.values()) == {1}
    with capfd.disabled():
        print(f"a host that was cut off: its work was done elsewhere after {recovered:.1f} s")


def in_space(pid: int) -> bool:
    return Path(f"/proc/{pid}/ns/net").stat().st_ino != Path("/proc/self/ns/net").stat().st_ino
