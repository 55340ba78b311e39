"""``python -m bench``: measure, print the table, keep the record in bench/results.json, and draw its chart.

Only a full run is kept there; a quick one, or one of some rows, goes where ``--out`` says, or nowhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from rich.console import Console
from rich.status import Status

from bench.chart import PICTURE, cost_per_message
from bench.entrants import Entrants, compare, entrants
from bench.machine import machine, moment, versions
from bench.pace import QUICK, Pace
from bench.profiles import flame_graphs, py_spy
from bench.results import Row, record
from bench.rows import Comparison, chosen
from bench.table import summary, table

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results.json"
OUT: Final = HERE.parent / "out" / "bench"
"""Where durable entrants write while they are measured, and where flame graphs go."""

WIDE: Final = 150
"""Columns of the table where it is not printed to a terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 1 when one of our own rows could not be measured, 2 for an unknown row."""
    options = _parser().parse_args(arguments)
    try:
        comparisons = chosen(options.rows)
    except ValueError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    if options.profile:
        return asyncio.run(_profile(comparisons))
    rows, about = asyncio.run(_run(comparisons, QUICK if options.quick else Pace()))
    full = not options.rows and not options.quick
    out = options.out or (RESULTS if full else None)
    if out is not None:
        out.write_text(record(rows, about), encoding="utf-8")
    if full:
        PICTURE.write_text(cost_per_message(json.loads(record(rows, about))), encoding="utf-8")
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    console.print(table(rows))
    console.print(summary(rows))
    console.print(_circumstances(about))
    return int(any(row.ours is None for row in rows))


def _circumstances(about: dict[str, Any]) -> str:
    (load, *_), (later, *_) = about["before"]["load"], about["after"]["load"]
    sync, sync_later = about["before"]["fsync_ms"], about["after"]["fsync_ms"]
    return (
        f"Took {about['took_s']:.0f} s on {about['cores']} cores. Load {load:g} before, {later:g} after; "
        f"a durable write of a page {sync:g} ms before, {sync_later:g} ms after."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Throughput and latency beside our peers.")
    parser.add_argument("--rows", nargs="+", default=[], metavar="NAME", help="only rows whose names begin so")
    parser.add_argument("--quick", action="store_true", help="two short rounds: to see that it works, not how fast")
    parser.add_argument("--profile", action="store_true", help="write flame graphs of our side (needs py-spy)")
    parser.add_argument("--out", type=Path, help="where to keep the record; by default bench/results.json")
    return parser


async def _run(comparisons: list[Comparison], pace: Pace) -> tuple[list[Row], dict[str, Any]]:
    """Measure, and say what the figures depend on."""
    about = machine()
    began = time.perf_counter()
    rows: list[Row] = []
    async with _workplace() as (folder, everybody, status):
        about["before"] = moment(folder)
        for number, comparison in enumerate(comparisons, 1):
            place = f"{number} of {len(comparisons)}, {comparison.name}"
            if not sys.stderr.isatty():  # there a spinner is not seen
                sys.stderr.write(f"{place}\n")
            said = partial(_say, status, place)
            rows += await compare(everybody, comparison, pace, said)
        about["after"] = moment(folder)
        about["versions"] = versions() | everybody.versions
    about["rounds"], about["seconds_each"] = pace
    about["took_s"] = round(time.perf_counter() - began, 1)
    return rows, about


async def _profile(comparisons: list[Comparison]) -> int:
    """Draw flame graphs instead of measuring: a profiler slows what it watches."""
    try:
        py_spy()
    except RuntimeError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    async with _workplace() as (_, everybody, status):
        for comparison in comparisons:
            for graph in await flame_graphs(everybody, comparison, OUT, partial(_say, status, comparison.name)):
                print(graph.relative_to(HERE.parent))
    return 0


@asynccontextmanager
async def _workplace() -> AsyncIterator[tuple[Path, Entrants, Status]]:
    """A folder that goes with the run, everybody who can be measured, and a line that says what is being done."""
    OUT.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=OUT) as name, Console(stderr=True).status("starting") as status:
        async with entrants(Path(name)) as everybody:
            yield Path(name), everybody, status


def _say(status: Status, place: str, text: str) -> None:
    status.update(f"{place}: {text}")


if __name__ == "__main__":
    sys.exit(main())
