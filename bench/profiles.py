"""Flame graphs of our side, by py-spy if it is there: where the time of a message goes."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

from bench.entrants import NEED_RAY, Entrants
from bench.pace import Said, fitting
from bench.rows import Comparison

RECORD_S: Final = 5
ROUND_S: Final = 0.5


def py_spy() -> str:
    """Its program. Raises: RuntimeError."""
    found = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if found is None:
        raise RuntimeError("flame graphs need py-spy: .venv/bin/pip install py-spy")
    return found


async def flame_graphs(everybody: Entrants, comparison: Comparison, folder: Path, said: Said) -> list[Path]:
    """One picture for each entry of ours, of this process and all that it started, over 5 s of load."""
    graphs = []
    for name in comparison.ours:
        said(f"{name}, profiling")
        if name in NEED_RAY:
            everybody.need_ray()
        async with everybody.open(name) as measure:
            load = comparison.load
            load = load._replace(operations=await fitting(measure, load, ROUND_S))
            graph = folder / (re.sub(r"\W+", "-", f"{comparison.name} {name}").lower() + ".svg")
            options = ("--subprocesses", "--duration", str(RECORD_S), "--output", str(graph), "--pid", str(os.getpid()))
            quiet = asyncio.subprocess.DEVNULL
            recorder = await asyncio.create_subprocess_exec(py_spy(), "record", *options, stdout=quiet, stderr=quiet)
            recording = asyncio.ensure_future(recorder.wait())
            while not recording.done():
                await measure(load)
            if await recording:
                raise RuntimeError(
                    f"py-spy failed on {name}; it may need more rights: sudo sysctl kernel.yama.ptrace_scope=0"
                )
            graphs.append(graph)
    return graphs
