"""``python -m bench.scaling``: measure what messages, calls and commits cost here, and say what many nodes would do.

The costs are CPU time of our own processes, taken on one and two hosts. The model made from them (`bench.nodes`) is
checked against what 1, 2 and 4 hosts of this machine get done by the clock on the wall, and then asked about
10, 100 and 1,000 nodes.
Kept in bench/scaling.json, and drawn in docs/scaling.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.machine import machine, moment
from bench.nodes import Costs, Site, durable, forecast, shards_for
from bench.svg import Axis, Line, chart
from bench.walkers import Relayed, relay, town
from stigmergy.actors.volatile.workers import STRETCH

HERE: Final = Path(__file__).resolve().parent
RECORD: Final = HERE / "scaling.json"
PICTURE: Final = HERE.parent / "docs" / "scaling.svg"

ROUNDS: Final = 3
STEPS: Final = 150
"""Of each of 2,048 tokens a host."""
TURNS: Final = 25_600
NODES: Final = (1, 2, 4, 10, 100, 1_000)
MODERATE: Final = 8
"""Calls after a stretch, in what is drawn beside what stigmergy does."""


async def measure_costs() -> Costs:
    """What things cost on this machine, in CPU time."""
    local, half, tenth = [await cost_of(*walk) for walk in ((1, 0), (2, 2), (2, 10))]
    crossing, call = split(local, half, tenth)
    single, double = await relay(1, TURNS), await relay(2, TURNS)
    return Costs(local, crossing, call, single.host, single.board, hop_of(single, double))


async def cost_of(hosts: int, every: int) -> float:
    """CPU seconds for a message when one of so many goes to another host; 0 for none."""
    async with town(hosts) as here:
        await here.walk(every, STEPS // 4)
        walks = [await here.walk(every, STEPS) for _ in range(ROUNDS)]
    return statistics.median([walk.cpu_s / walk.messages for walk in walks])


def split(local: float, half: float, tenth: float) -> tuple[float, float]:
    """What crossing costs a message, and what a call costs.

    ``half`` is a message when every second one crosses, ``tenth`` one when every tenth does. Between two hosts a
    stretch makes one call in either case, so both hold 1/512 of a call, and half or a tenth of crossing.
    """
    crossing = max(0.0, (half - tenth) / (1 / 2 - 1 / 10))
    return crossing, max(0.0, STRETCH * (tenth - local - crossing / 10))


def hop_of(single: Relayed, double: Relayed) -> float:
    """What a message from shard to shard costs more at boards: of two shards, every second one is."""
    return max(0.0, 2 * (double.board - single.board))


async def check(costs: Costs) -> list[dict[str, Any]]:
    """Messages a second on 1, 2 and 4 hosts of this machine, one of ten abroad: as it is, and as the model has it."""
    cores = os.cpu_count() or 1
    found = []
    for hosts in (1, 2, 4):
        async with town(hosts) as here:
            await here.walk(10, STEPS // 4)
            rates = [(await here.walk(10, STEPS)).rate for _ in range(ROUNDS)]
        expected = forecast(costs, Site(hosts)).messages * min(hosts, cores)
        found.append({"hosts": hosts, "measured": statistics.median(rates), "expected": expected})
    return found


def ask_model(costs: Costs) -> dict[str, list[dict[str, Any]]]:
    """What it says of many nodes."""
    volatile = [
        {"abroad": abroad, "calls": calls, "nodes": nodes, **asdict(forecast(costs, Site(nodes, abroad, calls)))}
        for abroad in (0.1, 0.5)
        for calls in (None, MODERATE)
        for nodes in NODES
    ]
    kept = [
        {
            "nodes": nodes,
            "one_shard": durable(costs, nodes, 1).turns,
            "shards": (shards := shards_for(costs, nodes)),
            "turns": durable(costs, nodes, shards).turns,
        }
        for nodes in NODES
    ]
    return {"volatile": volatile, "durable": kept}


def picture(said: dict[str, list[dict[str, Any]]]) -> str:
    """The chart: messages a second for each node."""
    lines = []
    for abroad in (0.1, 0.5):
        for calls in (None, MODERATE):
            points = [
                (one["nodes"], one["messages"])
                for one in said["volatile"]
                if (one["abroad"], one["calls"]) == (abroad, calls)
            ]
            how = "as it is" if calls is None else f"{calls} calls a stretch"
            lines.append(Line(f"{abroad:.0%} abroad, {how}", points, dashed=calls is not None))
    top = 1.1 * max(y for line in lines for _, y in line.points)
    title, remark = "Messages a second and node, by the model", "volatile swarm, one host on a core, any peer alike"
    return chart(title, remark, Axis("nodes", 1, NODES[-1], logarithmic=True), Axis("messages/s", 0, top), lines)


def tables(record: dict[str, Any]) -> list[Table]:
    """What people look at."""
    costs = Table("what", "CPU us", title="Costs measured here")
    for name, value in record["costs"].items():
        costs.add_row(name, f"{1e6 * value:,.1f}")
    checked = Table("hosts", "measured/s", "model/s", "off by", title="One message of ten abroad, on this machine")
    for one in record["check"]:
        off = one["expected"] / one["measured"] - 1
        checked.add_row(str(one["hosts"]), f"{one['measured']:,.0f}", f"{one['expected']:,.0f}", f"{off:+.0%}")
    volatile = Table("nodes", "abroad", "calls", "messages/s", "of one node", "in a call", "on calls", "round ms")
    volatile.title = "Each node of a volatile swarm, by the model"
    alone = record["model"]["volatile"][0]["messages"]
    for one in record["model"]["volatile"]:
        volatile.add_row(
            f"{one['nodes']:,}",
            f"{one['abroad']:.0%}",
            "as it is" if one["calls"] is None else str(one["calls"]),
            f"{one['messages']:,.0f}",
            f"{one['messages'] / alone:.0%}",
            f"{one['parcel']:.1f}",
            f"{one['on_calls']:.0%}",
            f"{1_000 * one['round_s']:,.0f}",
        )
    kept = Table("nodes", "turns/s, one shard", "shards that keep them busy", "turns/s then")
    kept.title = "A durable swarm, by the model"
    for one in record["model"]["durable"]:
        kept.add_row(f"{one['nodes']:,}", f"{one['one_shard']:,.0f}", f"{one['shards']:,}", f"{one['turns']:,.0f}")
    return [costs, checked, volatile, kept]


async def _run() -> dict[str, Any]:
    before = moment(HERE)
    costs = await measure_costs()
    return {
        **machine(),
        "before": before,
        "costs": asdict(costs),
        "check": await check(costs),
        "model": ask_model(costs),
        "after": moment(HERE),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, keep, draw; ``--again`` asks the model again with the costs on record."""
    parser = argparse.ArgumentParser(prog="bench.scaling", description="Measures here, and works out many nodes.")
    parser.add_argument("--again", action="store_true", help="with the costs on record: measure nothing")
    if parser.parse_args(arguments).again:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
        record["model"] = ask_model(Costs(**record["costs"]))
    else:
        record = asyncio.run(_run())
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    PICTURE.write_text(picture(record["model"]), encoding="utf-8")
    console = Console(width=None if sys.stdout.isatty() else 120)
    for one in tables(record):
        console.print(one)
    return 0


if __name__ == "__main__":
    sys.exit(main())
