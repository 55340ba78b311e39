"""The workloads: what clients do while things go wrong, and what they look at when all is quiet again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

from examples.ant_colony.agents import COLONY, FOUND, TRAIL, Ant, Go, Join
from examples.ant_colony.tours import FAINT
from stigmergy.protocols import Budget
from stigmergy.runtime import Swarm

from .cast import Account, Audit, Balance, Burst, Counter, Pay, Spout, Tally, Teller, Transfer
from .history import History

ACCOUNTS: Final = 12
SPOUTS: Final = 6
ANTS: Final = 6
CYCLES: Final = 60
LANES: Final = 4
"""Clients at once."""
BETWEEN_S: Final = 0.02
"""What a client waits between two requests."""
ATTEMPTS: Final = 60
"""A letter may meet many murders of hosts in one round, and no letter here is a murderer."""
QUIET_S: Final = 60.0
"""Everything must be handled so long after the last fault."""
ASK_S: Final = 60.0


class Workload(Protocol):
    """One way to use a swarm."""

    def staff(self, swarm: Swarm) -> None:
        """Add the kinds."""

    async def drive(self, swarm: Swarm, history: History, until: asyncio.Event) -> None:
        """Work until the faults are over, or the work is done."""

    async def audit(self, swarm: Swarm, history: History) -> None:
        """Write down what everybody has now."""


class Bank:
    """Transfers between accounts: by tell, by ask, and by asking a teller who asks. The sum never changes."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def staff(self, swarm: Swarm) -> None:
        """See `Workload.staff`."""
        swarm.add(Account, settings={"pace_s": 0.01}, attempts=ATTEMPTS)
        swarm.add(Teller, attempts=ATTEMPTS)

    async def drive(self, swarm: Swarm, history: History, until: asyncio.Event) -> None:
        """See `Workload.drive`."""
        await asyncio.gather(*(self._client(lane, swarm, history, until) for lane in range(LANES)))

    async def _client(self, lane: int, swarm: Swarm, history: History, until: asyncio.Event) -> None:
        draw, number = Random(f"{self._seed} {lane}"), 0
        while not until.is_set() and swarm.stopped is None:
            number += 1
            op, amount = f"{lane}:{number}", draw.randint(1, 9)
            source, to = (f"account/{one}" for one in draw.sample(range(ACCOUNTS), 2))
            way = draw.random()
            if way < 0.5:
                work: Any = swarm.tell(source, Transfer(op=op, to=to, amount=amount))
            elif way < 0.75:
                work = swarm.ask(source, Transfer(op=op, to=to, amount=amount), reply=Balance, timeout_s=ASK_S)
            else:
                pay = Pay(op=op, source=source, to=to, amount=amount)
                work = swarm.ask("teller", pay, reply=Balance, timeout_s=ASK_S)
            await history.call(op, work)
            await asyncio.sleep(BETWEEN_S)

    async def audit(self, swarm: Swarm, history: History) -> None:
        """See `Workload.audit`."""
        balances = [await swarm.ask(f"account/{n}", Audit(), reply=Balance, timeout_s=ASK_S) for n in range(ACCOUNTS)]
        history.write("audit", balances={f"account/{n}": [b.amount, b.handled] for n, b in enumerate(balances)})


class FanIn:
    """Many count at one place; each sender's numbers come in order, once, without a gap."""

    def staff(self, swarm: Swarm) -> None:
        """See `Workload.staff`."""
        swarm.add(Spout, settings={"pace_s": 0.01}, attempts=ATTEMPTS)
        swarm.add(Counter, attempts=ATTEMPTS)

    async def drive(self, swarm: Swarm, history: History, until: asyncio.Event) -> None:
        """See `Workload.drive`."""
        await asyncio.gather(*(self._client(spout, swarm, history, until) for spout in range(SPOUTS)))

    async def _client(self, spout: int, swarm: Swarm, history: History, until: asyncio.Event) -> None:
        number, count = 0, 5
        while not until.is_set() and swarm.stopped is None:
            burst = Burst(op=f"{spout}:{number}", first=number * count + 1, count=count)
            await history.call(burst.op, swarm.tell(f"spout/{spout}", burst))
            number += 1
            await asyncio.sleep(4 * BETWEEN_S)

    async def audit(self, swarm: Swarm, history: History) -> None:
        """See `Workload.audit`."""
        tally = await swarm.ask("counter/main", Audit(), reply=Tally, timeout_s=ASK_S)
        history.write("audit", lanes=tally.lanes)


class Colony:
    """Ants, whose every tour follows from the seed: whatever happens, they find what they would have found."""

    def staff(self, swarm: Swarm) -> None:
        """See `Workload.staff`."""
        swarm.add(Ant, settings={"ants": ANTS, "cycles": CYCLES, "pheromone": True}, attempts=ATTEMPTS)

    async def drive(self, swarm: Swarm, history: History, until: asyncio.Event) -> None:
        """See `Workload.drive`."""
        await history.call("trail", swarm.trail(TRAIL).define(baseline=FAINT, now=0))
        for ant in range(1, ANTS + 1):
            await history.call(f"join {ant}", swarm.ask(f"ant/{ant}", Join(), timeout_s=ASK_S))
        await history.call("go", swarm.tell("ant/1", Go(cycle=1)))
        await quiet(swarm, history)

    async def audit(self, swarm: Swarm, history: History) -> None:
        """See `Workload.audit`."""
        known = await swarm.facts.get(COLONY)
        keys = await swarm.facts.keys(FOUND)
        found = {key: fact.value["cities"] for key in keys if (fact := await swarm.facts.get(key)) is not None}
        history.write("audit", cycle=0 if known is None else known.value["cycle"], found=found)


async def quiet(swarm: Swarm, history: History) -> None:
    """Wait until every letter is handled."""
    for _ in range(int(QUIET_S / 0.1)):
        if swarm.stopped is not None or not (await swarm.request("counts"))["waiting"]:
            return
        await asyncio.sleep(0.1)
    history.write("stuck", counts=await swarm.request("counts"))


def workload(name: str, seed: int) -> Workload:
    """The workload of that name; the desk is an app, and runs as one (`desk`)."""
    makers: dict[str, Callable[[], Workload]] = {"bank": lambda: Bank(seed), "counter": FanIn, "colony": Colony}
    return makers[name]()


COLONY_SEED: Final = 7
"""The colony's swarm has one seed, so what it finds is worked out once."""


async def reference() -> dict[str, Any]:
    """What a colony finds when nothing goes wrong."""
    found: list[dict[str, Any]] = []

    class Kept(History):
        def write(self, kind: str, **data: Any) -> None:
            if kind == "audit":
                found.append(data)

    ants, kept = Colony(), Kept(Path("/dev/null"))
    async with Swarm(engine="local", seed=COLONY_SEED, budget=Budget(), plant=None) as swarm:
        ants.staff(swarm)
        await ants.drive(swarm, kept, asyncio.Event())
        await ants.audit(swarm, kept)
    kept.close()
    return found[0]
