"""An app to run and to kill, and what it told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stigmergy.actors.journal import Entry
from stigmergy.runtime.run_folder import RunFolder

from .samples import START

OFFICE = (
    START
    + """
import asyncio
from stigmergy.runtime import State

class Job(Message):
    n: int

class Bill(Message):
    n: int
    total: int

class Books(State):
    total: int = 0

class Adder(Agent):
    state: Books

    @handles
    async def add(self, job: Job, ctx: Context) -> Bill:
        self.state.total += job.n
        await ctx.facts.put(f"done.{job.n}", job.n)
        if job.n == 7:
            raise ValueError("seven")
        return Bill(n=job.n, total=self.state.total)

class Clerk(Agent):
    pool = 4

    @handles
    async def take(self, job: Job, ctx: Context) -> Bill:
        ctx.tell("client/main", Bill(n=job.n, total=0))
        return await ctx.ask(f"adder/{job.n % 2}", job, reply=Bill)

class OfficeOptions(Options):
    jobs: int = 12
    api_key: str = ""
    papers: Path | None = None
    swarms: int = 1

async def office(options, swarm, told):
    def heard(name, data):
        told.extend([name] if name == "told" else [])
        if len(told) >= int(os.environ.get("DIE_AT", 1_000)):
            os.kill(os.getpid(), 9)

    async with swarm:
        swarm.add(Adder, attempts=1)
        swarm.add(Clerk, attempts=1)
        swarm.on_event(heard)
        assert await swarm.facts.put("started", True, expect=0) == 1
        offered = [await swarm.claims("jobs").offer(str(n)) for n in range(3)]
        claim = await swarm.claims("jobs").take()
        bills = await asyncio.gather(
            *(swarm.ask("clerk", Job(n=n), reply=Bill) for n in range(options.jobs)), return_exceptions=True
        )
        await swarm.claims("jobs").complete(claim)
        right = [bill for bill in bills if isinstance(bill, Bill)]
        report = await swarm.report()
        return {
            "bills": sorted(bill.n for bill in right),
            "totals": [max((b.total for b in right if b.n % 2 == half), default=0) for half in (0, 1)],
            "errors": [type(bill).__name__ for bill in bills if not isinstance(bill, Bill)],
            "offered": offered,
            "waiting": await swarm.claims("jobs").waiting(),
            "facts": len(await swarm.facts.keys("done.")),
            "messages": report.messages,
            "dead": report.dead_letters,
        }

async def main(options, stage):
    told = []
    reports = [await office(options, stage.swarm(seed=stage.seed + n), told) for n in range(options.swarms)]
    return Outcome({"reports": reports, "told": len(told)})

app = App(name="office", summary="Adds up", options=OfficeOptions, main=main)
"""
)

RUN = ("--engine", "local", "--json", "--quiet")


def told(ran: Any) -> dict[str, Any]:
    """What a command printed as JSON, but for where its journal is."""
    assert ran.code == 0, ran.err
    return {name: value for name, value in json.loads(ran.out).items() if name != "journal"}


def entries(place: Path, run: str) -> list[Entry]:
    """What the journal of a run holds."""
    view = RunFolder(place / "runs" / run).view()
    try:
        return list(view.read())
    finally:
        view.close()
