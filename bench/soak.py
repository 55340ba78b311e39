"""``python -m bench.soak``: a swarm at full rate for minutes, and whether its memory stays flat.

Everything that could leave something behind goes on all the time: requests from outside, each a conversation of its
own; asks and tells between agents; posts to a topic that is followed. Agents and topics are a fixed number: they are
what a program makes, and stay until it ends. Ends with 1 when the second half grew by more than 1 % a minute.
A soak of ten minutes or more draws docs/soak-volatile.svg or docs/soak-durable.svg; a shorter one, what ``--out`` says.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from bench.svg import Axis, Line, chart
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, Plant, Swarm, handles

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"

CLIENTS: Final = 20
"""Outside requests that are open at any time."""

AGENTS: Final = 1_000
PEERS: Final = 4
"""Others that each request leads to: two are asked, one told, and a topic hears of it."""

TOPIC: Final = "soak.news"
FOLLOWERS: Final = 5
FULL_MINUTES: Final = 10.0
"""What the pictures in the documentation show."""

FLAT: Final = 0.01
"""Growth a minute, in the second half, of what there is then; 1 %."""


class Order(Message):
    """What somebody outside wants."""

    text: str
    n: int


class Part(Message):
    """A part of it, for another agent."""

    text: str
    n: int


class Done(Message, name="soak.Done"):
    n: int


class Clerk(Agent):
    """Does an order with the help of three others, and lets everybody know."""

    mailbox = 10_000

    @handles
    async def order(self, order: Order, ctx: Context) -> Done:
        part = Part(text=order.text, n=order.n)
        for step in range(1, PEERS - 1):
            answer = await ctx.ask(f"helper/{(order.n + step * 7) % AGENTS}", part, reply=Done)
            if answer.n != order.n:
                raise RuntimeError(f"{answer.n} answered {order.n}")
        ctx.tell(f"helper/{(order.n + 77) % AGENTS}", part)
        ctx.post(TOPIC, part)
        return Done(n=order.n)


class Helper(Agent):
    """Does a part."""

    mailbox = 10_000

    @handles
    def part(self, part: Part) -> Done:
        return Done(n=part.n)


class Follow(Message):
    """Follow the news."""


class Reader(Agent):
    """Counts the news."""

    mailbox = 100_000
    seen = 0

    @handles
    async def follow(self, _: Follow, ctx: Context) -> None:
        await ctx.follow(TOPIC)

    @handles
    def news(self, _: Part) -> None:
        self.seen += 1


class Sample(NamedTuple):
    """One look at the process."""

    minute: float
    mib: float
    orders: int


async def soak(swarm: Swarm, seconds: float, samples: list[Sample]) -> None:
    """Keep it busy so long, and look at its memory every half second."""
    began = time.monotonic()
    until = began + seconds
    orders = 0

    async def client(number: int) -> None:
        nonlocal orders
        text, mine = "x" * 100, number
        while time.monotonic() < until:
            done = await swarm.ask(f"clerk/{mine % AGENTS}", Order(text=text, n=mine), reply=Done)
            if done.n != mine:
                raise RuntimeError(f"{done.n} answered {mine}")
            await swarm.tell(f"helper/{mine % AGENTS}", Part(text=text, n=mine))
            mine += CLIENTS
            orders += 1

    async def watch() -> None:
        while (now := time.monotonic()) < until:
            samples.append(Sample((now - began) / 60, resident_mib(), orders))
            await asyncio.sleep(0.5)

    for number in range(FOLLOWERS):
        await swarm.ask(f"reader/{number}", Follow())
    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        for number in range(CLIENTS):
            group.create_task(client(number))


def resident_mib() -> float:
    """Memory that this process has in RAM, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(samples: Sequence[Sample]) -> float:
    """By how much of its size the process grew a minute, in the second half: a line through all samples there."""
    half = samples[len(samples) // 2 :]
    slope = linear_regression([each.minute for each in half], [each.mib for each in half]).slope
    return slope / half[0].mib


def picture(samples: Sequence[Sample], name: str) -> str:
    """The chart of a soak."""
    minutes, orders = samples[-1].minute, samples[-1].orders
    highest = max(each.mib for each in samples)
    step = max(1, len(samples) // 400)
    points = [(each.minute, each.mib) for each in samples[::step]]
    return chart(
        f"Memory of a {name} swarm at full rate",
        f"{orders:,} orders from outside in {minutes:.1f} minutes, {orders / minutes / 60:,.0f} a second; "
        f"growth in the second half {growth(samples):+.2%} a minute",
        Axis("minutes", 0, minutes),
        Axis("MiB resident", 0, highest * 1.2),
        [Line("the whole process: driver, board and host", points)],
    )


async def run(minutes: float, *, durable: bool) -> list[Sample]:
    """A soak on the local engine; a durable one keeps its journal in files. Returns the samples."""
    samples: list[Sample] = []
    plant = Plant(engine="local", limits={"pair_messages": math.inf})
    with TemporaryDirectory() as folder:
        async with Swarm(plant=plant, journal=Path(folder) if durable else None, durable=durable) as swarm:
            for kind in (Clerk, Helper, Reader):
                swarm.add(kind)
            await soak(swarm, minutes * 60, samples)
    gc.collect()
    return samples


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, say what came of it, and draw it."""
    parser = argparse.ArgumentParser(prog="bench.soak", description="Memory at full rate, over minutes.")
    parser.add_argument("--minutes", type=float, default=FULL_MINUTES, help=f"how long; {FULL_MINUTES:g}")
    parser.add_argument("--durable", action="store_true", help="with a journal in files")
    parser.add_argument(
        "--out",
        type=Path,
        help="where the chart goes; docs/soak-volatile.svg or -durable after ten minutes, else nowhere",
    )
    options = parser.parse_args(arguments)
    name = "durable" if options.durable else "volatile"
    samples = asyncio.run(run(options.minutes, durable=options.durable))
    out = options.out or (DOCS / f"soak-{name}.svg" if options.minutes >= FULL_MINUTES else None)
    if out is not None:
        out.write_text(picture(samples, name), encoding="utf-8")
    grown = growth(samples)
    sys.stdout.write(
        f"{name}: {samples[-1].orders:,} requests, {samples[0].mib:.0f} MiB at the start, "
        f"{samples[len(samples) // 2].mib:.0f} in the middle, {samples[-1].mib:.0f} at the end, "
        f"{grown:+.2%} a minute in the second half: {'flat' if grown < FLAT else 'NOT FLAT'}\n"
    )
    return int(grown >= FLAT)


if __name__ == "__main__":
    sys.exit(main())
