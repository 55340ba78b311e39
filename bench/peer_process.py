"""Peers in an environment of their own: how it is made, and how a process in it is driven, line by line.

Their pins differ from ours (another protobuf, another grpcio), so they cannot share our environment.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from bench.load import Load, Measure, Taken

HERE: Final = Path(__file__).resolve().parent
ENVIRONMENT: Final = HERE / ".peers"
PINS: Final = HERE / "peers.txt"

ANSWER_S: Final = 120.0
"""The longest that a peer may take for one measurement."""


def peer_python() -> Path:
    """The interpreter of the peers' environment, which is made when its pins have changed. Raises: RuntimeError."""
    python = ENVIRONMENT / "bin" / "python"
    made = ENVIRONMENT / f".made-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:16]}"
    if not made.exists():
        _run(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT))
        _run(str(python), "-m", "pip", "-q", "--disable-pip-version-check", "install", "-r", str(PINS))
        made.touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RuntimeError(f"the peers' environment could not be made: {last}")


@asynccontextmanager
async def own_process(module: str, *arguments: str) -> AsyncIterator[Measure]:
    """A program of ours, which `bench.peers.lines` runs, in a process of its own."""
    async with _driven(Path(sys.executable), module, {}, *arguments) as measure:
        yield measure


@asynccontextmanager
async def peer_process(module: str, versions: dict[str, str], *arguments: str) -> AsyncIterator[Measure]:
    """A peer's program, which `bench.peers.lines` runs; what versions it has is added to ``versions``."""
    async with _driven(await asyncio.to_thread(peer_python), module, versions, *arguments) as measure:
        yield measure


@asynccontextmanager
async def _driven(python: Path, module: str, versions: dict[str, str], *arguments: str) -> AsyncIterator[Measure]:
    pipe = asyncio.subprocess.PIPE
    with TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            str(python), "-m", module, *arguments, stdin=pipe, stdout=pipe, stderr=said, cwd=HERE.parent
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError(f"{module} has no pipes")
        stdin, stdout = process.stdin, process.stdout

        async def hear() -> dict[str, Any]:
            line = await asyncio.wait_for(stdout.readline(), ANSWER_S)
            if not line:
                said.seek(0)
                last = (said.read().decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
                raise RuntimeError(f"{module} ended: {last}")
            answer: dict[str, Any] = json.loads(line)
            return answer

        async def measure(load: Load) -> Taken:
            stdin.write(json.dumps(load).encode() + b"\n")
            answer = await hear()
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return Taken(**answer)

        try:
            versions.update((await hear())["versions"])
            yield measure
        finally:
            stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()
