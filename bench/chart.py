"""``python -m bench.chart``: draws docs/cost-per-message.svg from the record in bench/results.json.

A full run of the benchmark draws it too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.rows import CROWDS
from bench.svg import Axis, Line, chart

HERE: Final = Path(__file__).resolve().parent
RECORD: Final = HERE / "results.json"
PICTURE: Final = HERE.parent / "docs" / "cost-per-message.svg"

BAR: Final = 1.3
"""What a message may cost among a million agents, in what it costs among a thousand."""


def cost_per_message(record: dict[str, Any]) -> str:
    """The chart of a record. Raises: KeyError when it has no rows of crowds."""
    found: dict[int, tuple[float, float, float]] = {}
    for row in record["rows"]:
        if row["ours_name"] in CROWDS and row["ratio"] is not None:
            found[CROWDS[row["ours_name"]]] = _micros(row["ours"], row["spread"]["ours"])
            found[1_000] = _micros(row["peer"], row["spread"]["peer"])
    if not found:
        raise KeyError("a message in a crowd")
    sizes = sorted(found)
    few = found[sizes[0]][0]
    most = max(*(high for _, _, high in found.values()), BAR * few)
    lines = [
        Line("median of five rounds", [(size, found[size][0]) for size in sizes], [(s, *found[s][1:]) for s in sizes]),
        Line(f"{BAR:g} times the cost among 1,000", [(sizes[0], BAR * few), (sizes[-1], BAR * few)], dashed=True),
    ]
    return chart(
        "What a message costs, from 1,000 to 1,000,000 agents",
        f"volatile swarm in one process, ledger and watchdog on; {record['cores']} cores, {record['date'][:10]}; "
        "shaded: all rounds",
        Axis("agents alive, each as likely as the other to get the next message", 1_000, 1_000_000, logarithmic=True),
        Axis("microseconds a message", 0, most * 1.15),
        lines,
    )


def _micros(median: float, spread: list[float]) -> tuple[float, float, float]:
    return 1_000 * median, 1_000 * spread[0], 1_000 * spread[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw it; 1 when the record has no such rows, 2 when there is none."""
    parser = argparse.ArgumentParser(prog="bench.chart", description="Draws what a message costs, from a record.")
    parser.add_argument("record", metavar="FILE", nargs="?", type=Path, default=RECORD, help="bench/results.json")
    parser.add_argument("--out", type=Path, default=PICTURE, help="where the chart goes; docs/cost-per-message.svg")
    options = parser.parse_args(arguments)
    try:
        record = json.loads(options.record.read_text(encoding="utf-8"))
    except (OSError, ValueError) as why:
        sys.stderr.write(f"bench: {options.record} cannot be read as a record: {why}; `python -m bench` makes one\n")
        return 2
    try:
        picture = cost_per_message(record)
    except KeyError as missing:
        sys.stderr.write(f"bench: the record has no row called {missing}\n")
        return 1
    options.out.write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
