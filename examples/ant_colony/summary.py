"""What colonies came to, in figures: plain data for programs, tables for people."""

from __future__ import annotations

from math import inf
from statistics import mean, stdev
from typing import Any, Final

from stigmergy.runtime.app import Table

from .colony import Result
from .oliver30 import CITIES, OPTIMUM

CHECKPOINTS: Final = (50, 100, 200, 250)
"""Cycles after which the best tour is shown, beside the last one."""
NEAR: Final = 1e-3
"""A tour this close to the optimum is the optimum: lengths are sums of roots."""


def figures(results: list[Result], cycles: int) -> dict[str, Any]:
    """The figures as plain data; lengths are None where no cycle was completed."""
    lengths = [result.length for result in results if result.length < inf]
    return {
        "cities": len(CITIES),
        "optimum": OPTIMUM,
        "seeds": len(results),
        "best": min(lengths, default=None),
        "mean": mean(lengths) if lengths else None,
        "worst": max(lengths, default=None),
        "spread": stdev(lengths) if len(lengths) > 1 else None,
        "optimal": sum(_is_optimal(length) for length in lengths),
        "best_so_far": {str(cycle): _finite(_mean_after(results, cycle)) for cycle in _checkpoints(cycles)},
        "messages": sum(result.figures.messages for result in results),
        "runs": [_run(result) for result in results],
    }


def tables(results: list[Result], cycles: int) -> tuple[Table, ...]:
    """The figures for people."""
    checkpoints = _checkpoints(cycles)
    runs = tuple(
        (
            str(result.seed),
            *(_length(result.best_after(cycle)) for cycle in checkpoints),
            _excess(result.length),
            str(max(result.found, default="-")),
        )
        for result in results
    )
    columns = ("seed", *(f"cycle {cycle}" for cycle in checkpoints), "above optimum", "found in cycle")
    best_so_far = Table("Best tour so far", columns, runs)
    if len(results) == 1:
        return (best_so_far,)
    known = figures(results, cycles)
    rows = tuple((name, _length(known[name]), _excess(known[name])) for name in ("best", "mean", "worst"))
    spread = ("spread (sd)", _length(known["spread"]), "")
    optimal = ("optimum found", f"{known['optimal']} of {known['seeds']}", "")
    return best_so_far, Table(f"{len(results)} colonies", ("", "length", "above optimum"), (*rows, spread, optimal))


def _run(result: Result) -> dict[str, Any]:
    return {
        "seed": result.seed,
        "cycles": result.cycle,
        "length": _finite(result.length),
        "tour": result.tour,
        "found": {str(cycle): length for cycle, length in result.found.items()},
        "messages": result.figures.messages,
        "digest": result.figures.digest,
        "journal": result.figures.journal,
    }


def _checkpoints(cycles: int) -> list[int]:
    return sorted({cycle for cycle in CHECKPOINTS if cycle < cycles} | {cycles})


def _mean_after(results: list[Result], cycle: int) -> float:
    return mean(result.best_after(cycle) for result in results)


def _is_optimal(length: float) -> bool:
    return abs(length - OPTIMUM) < NEAR


def _finite(length: float) -> float | None:
    return length if length < inf else None


def _length(length: float | None) -> str:
    return "-" if length is None or length == inf else f"{length:.4f}"


def _excess(length: float | None) -> str:
    if length is None or length == inf:
        return "-"
    return "optimum" if _is_optimal(length) else f"{100 * (length / OPTIMUM - 1):.2f} %"
