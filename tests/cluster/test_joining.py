"""``--address``: joining a cluster that somebody else has started, as a shell would. Wrong ones: one line."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cluster.nodes import free_port, ray_start

pytestmark = pytest.mark.ray

APP = """
import asyncio
from pathlib import Path
from helper import shout
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, App, handles
from stigmergy.runtime.app import Options, Outcome

HOME = {home!r}

class Word(Message):
    text: str
    at_home: bool = False

class Crier(Agent):
    "Shouts, with the help of a file beside its own"

    @handles
    def say(self, word: Word) -> Word:
        return Word(text=shout(word.text), at_home=Path(HOME, "app.py").exists())

async def main(options, stage):
    async with stage.swarm() as swarm:
        swarm.add(Crier)
        heard = await asyncio.gather(*(swarm.ask(f"crier/{{n}}", Word(text="hey"), reply=Word) for n in range(40)))
    return Outcome({{"said": sorted({{h.text for h in heard}}), "at_home": sorted({{h.at_home for h in heard}})}})

app = App(name="crier", summary="Shouts", options=Options, main=main)
"""


class Head(NamedTuple):
    address: str
    environ: dict[str, str]


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="r-", ignore_cleanup_errors=True))
        port = free_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        environ = {**clean, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_TMPDIR": folder}
        words = ("--head", f"--port={port}", f"--temp-dir={folder}", "--include-dashboard=false")
        stack.enter_context(ray_start(*words, environ=environ))
        yield Head(f"127.0.0.1:{port}", environ)


def run(place: Path, *words: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stigmergy.runtime.cli", "run", *words]
    return subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, timeout=120)


@pytest.fixture
def crier(tmp_path: Path) -> Path:
    folder = tmp_path / "crier"
    folder.mkdir()
    (folder / "app.py").write_text(APP.format(home=str(folder)).replace("from helper", "from crier.helper"))
    (folder / "helper.py").write_text("def shout(text):\n    return text.upper() + '!'\n")
    return folder


def test_an_app_runs_on_a_cluster_by_its_address_and_its_token_and_leaves_it_running(head, crier):
    for _ in range(2):
        ran = run(crier.parent, "crier", "--address", head.address, "--json", environ=head.environ)
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
        report = json.loads(ran.stdout)
        assert (report["said"], report["stop_reason"]) == (["HEY!"], "done")
        assert (Path(report["journal"]) / "journal.db").is_file()


def test_an_apps_folder_is_importable_on_a_node_that_does_not_have_it(head, crier, require):
    require(os.geteuid() == 0 and Path("/usr/bin/unshare").exists(), "a node without our files takes root and unshare")
    mask = f'mount -t tmpfs none "{crier}" && exec "$@"'
    hidden = ("unshare", "--mount", "sh", "-c", mask, "sh")
    with ray_start(f"--address={head.address}", environ=head.environ, inside=hidden):
        ran = run(crier.parent, "crier", "--address", head.address, "--json", "--hosts", "2", environ=head.environ)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert (report["said"], report["at_home"]) == (["HEY!"], [False, True])


@pytest.mark.nightly  # Ray itself tries for 20 s
def test_a_wrong_token_is_told_in_one_line(head, crier):
    wrong = {**head.environ, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    ran = run(crier.parent, "crier", "--address", head.address, environ=wrong)
    assert (ran.returncode, ran.stdout) == (2, "")
    (line,) = ran.stderr.splitlines()
    assert "cannot join a Ray cluster" in line
    assert "RAY_AUTH_TOKEN" in line
    assert not (crier.parent / "runs").exists()


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silence", "a web server"])
def test_an_address_where_no_ray_listens_is_told_in_one_line(crier, greeting: bytes):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-m", "stigmergy.runtime.cli", "run", "crier", "--address", address]
        with subprocess.Popen(command, cwd=crier.parent, stdout=-1, stderr=-1, text=True) as asked:
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)
                out, err = asked.communicate(timeout=60)
    assert (asked.returncode, out) == (2, "")
    (line,) = err.splitlines()
    assert f"--address {address}" in line
    assert ("is no head node of Ray" in line) == bool(greeting)
