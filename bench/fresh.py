"""New processes: what a user waits for before anything happens. Each measurement starts its programs anew.

Bytecode is compiled beforehand, as an installation does it; the first run of each program is the warm-up.
"""

from __future__ import annotations

import asyncio
import compileall
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Final

from bench.load import Load, Measure, Shape, Taken
from bench.peer_process import HERE, peer_python

TIMES: Final = 3
"""Processes that one measurement starts, whatever the load asks for."""

LAYERS: Final = ("stigmergy.protocols", "stigmergy.actors", "stigmergy.runtime")

IMPORT: Final = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
"""A program that prints the seconds of an import."""


@asynccontextmanager
async def our_processes() -> AsyncIterator[Measure]:
    """The command line, an import, and a swarm that answers."""
    for layer in LAYERS:
        for folder in import_module(layer).__path__:
            compileall.compile_dir(folder, quiet=1)
    yield _measure(
        {
            "help": (sys.executable, "-m", "stigmergy.runtime.cli", "--help"),
            "import": (sys.executable, "-c", IMPORT.format("import stigmergy.protocols")),
            "class": (sys.executable, "-c", IMPORT.format("from stigmergy.protocols import Message")),
            "reply": (sys.executable, "-m", "bench.first_reply"),
        }
    )


@asynccontextmanager
async def autogen_processes() -> AsyncIterator[Measure]:
    """The same of autogen-core, which has no command line."""
    python = str(await asyncio.to_thread(peer_python))
    yield _measure(
        {
            "import": (python, "-c", IMPORT.format("import autogen_core")),
            "class": (python, "-c", IMPORT.format("from autogen_core import RoutedAgent")),
            "reply": (python, "-m", "bench.peers.autogen_first_reply"),
        }
    )


@asynccontextmanager
async def ray_command_line() -> AsyncIterator[Measure]:
    """``ray --help``."""
    yield _measure({"help": (sys.executable, "-m", "ray.scripts.scripts", "--help")})


def _measure(programs: Mapping[Shape, tuple[str, ...]]) -> Measure:
    async def measure(load: Load) -> Taken:
        return Taken(TIMES, sum([await _seconds(programs[load.shape], load.shape) for _ in range(TIMES)]))

    return measure


async def _seconds(program: tuple[str, ...], shape: Shape) -> float:
    """What a program prints that it took; of a command line, what its process took from start to end."""
    pipe = asyncio.subprocess.PIPE
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*program, stdout=pipe, stderr=pipe, cwd=HERE.parent)
    printed, complaint = await process.communicate()
    whole = time.perf_counter() - began
    if process.returncode:
        last = (complaint.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        raise RuntimeError(f"{program[-1]} ended with {process.returncode}: {last}")
    return whole if shape == "help" else float(printed)
