"""Simulate swarms: ``python -m tests.simulation --seeds 2000``, or one of them, with its trace: ``--seed 17 -v``.

Exit code 1 when a seed violates what must hold; the command that replays it is printed.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from .judge import Outcome, judge

CHUNK = 20
SHOWN = 10


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=2_000, help="how many; 2,000")
    parser.add_argument("--first", type=int, default=0, help="the first of them; 0")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; one for each core")
    parser.add_argument(
        "--shards", type=int, default=0, help="boards of each swarm; by default the seed decides: 1 to 3"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="with --seed: tell what happened, and when")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        outcome = judge(chosen.seed, print if chosen.verbose else None, shards=chosen.shards)
        print(f"seed {chosen.seed}: {outcome.events:,} events, {outcome.virtual_s:.1f} virtual s, {outcome.journal}")
        print(*outcome.violations or ["nothing is violated"], sep="\n")
        return 1 if outcome.violations else 0
    return many(range(chosen.first, chosen.first + chosen.seeds), chosen.jobs, chosen.shards)


def many(seeds: range, jobs: int, shards: int) -> int:
    """Run a range of seeds on several cores, and print what struck them."""
    began, struck, events, bad, done = time.perf_counter(), Counter[str](), 0, 0, 0
    for outcome in outcomes(seeds, jobs, shards):
        done += 1
        struck += outcome.struck
        events += outcome.events
        bad += bool(outcome.violations)
        if outcome.violations and bad <= SHOWN:
            print(f"\nseed {outcome.seed}: {outcome.violations[0]}", end="")
            print(f" (and {len(outcome.violations) - 1} more)" if outcome.violations[1:] else "")
            more = f" --shards {shards}" if shards else ""
            print(f"  replay: python -m tests.simulation --seed {outcome.seed}{more} -v")
        if sys.stderr.isatty():
            print(f"\r{done:,} of {len(seeds):,} seeds, {bad} bad ", end="", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    for kind, times in sorted(struck.items(), key=lambda item: -item[1]):
        print(f"{times:>8,}  {kind}")
    pace = f"{seconds:.1f} s, {done / seconds:.0f} seeds/s on {jobs} cores"
    print(f"{done:,} seeds, {sum(struck.values()):,} faults, {events:,} events, {pace}: {bad} with violations")
    return 1 if bad else 0


def outcomes(seeds: range, jobs: int, shards: int) -> Iterator[Outcome]:
    """The outcome of each seed, chunk by chunk."""
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs, initializer=prepare) as pool:
        for chunk in pool.map(run_chunk, chunks, [shards] * len(chunks)):
            yield from chunk


def prepare() -> None:
    """A worker process: what is imported stays, and rubbish is collected between seeds only."""
    gc.collect()
    gc.freeze()
    gc.disable()


def run_chunk(seeds: range, shards: int) -> list[Outcome]:
    """Some seeds, one after another."""
    found = []
    for seed in seeds:
        found.append(judge(seed, shards=shards))
        if seed % 2:
            gc.collect()  # while it fits into the cache: what is collected at last costs more
    return found


if __name__ == "__main__":
    sys.exit(main())
