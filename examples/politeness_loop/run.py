"""One run: both conversations begin, the swarm is left alone until nothing waits in it, and then read out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from stigmergy.protocols import Budget, BudgetExhausted, SwarmStopped
from stigmergy.runtime import Stage, Swarm, SwarmReport

from .invoices import CHECKED, WRITTEN, Auditor, Begin, Clerk
from .thanks import Polite, Thanks

INVOICES: Final = Path(__file__).with_name("invoices.jsonl")

LOOK_S: Final = 0.05
"""How often the swarm is looked at."""

SAFETY_NET: Final = 5_000
"""Messages after which the ledger ends a run that the watchdog did not end; the work needs 178."""


@dataclass(frozen=True, slots=True)
class Loop:
    """The conversation that the watchdog stopped."""

    quarantined_after: int
    """Messages that it got to, the refused one included."""
    agents: list[str]
    exchange: str
    reason: str
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Work:
    """What the honest pair got done."""

    invoices: int
    passed: int
    corrected: int
    messages: int
    complaints: int
    """What the watchdog had to say about it."""

    @property
    def unharmed(self) -> bool:
        """Whether all of it was done, and nobody complained."""
        return self.passed == self.invoices and not self.complaints


@dataclass(frozen=True, slots=True)
class Run:
    """What became of both."""

    seed: int
    loop: Loop | None
    """None when nobody stopped it."""
    work: Work
    figures: SwarmReport


async def run(stage: Stage, seed: int, watch: Callable[[int, int], None]) -> Run:
    """Let both conversations happen at once. ``watch`` is called with the invoices that are done, and all."""
    if stage.budget.messages is None:
        budget = Budget.from_plain({**stage.budget.to_plain(), "messages": SAFETY_NET})
        stage = replace(stage, budget=budget)
    verdicts: list[dict[str, Any]] = []
    async with stage.swarm(seed=seed) as swarm:
        swarm.on_event(lambda name, data: verdicts.append(data) if name == "verdict" else None)
        swarm.add(Polite, kind="alice", settings={"friend": "bob/1"})
        swarm.add(Polite, kind="bob", settings={"friend": "alice/1"})
        swarm.add(Clerk)
        swarm.add(Auditor)
        invoices = INVOICES.read_text(encoding="utf-8").splitlines()
        for line in invoices:
            invoice = json.loads(line)
            await swarm.facts.put(WRITTEN + invoice["number"], invoice)
        thanking = ""
        with suppress(BudgetExhausted, SwarmStopped):
            thanking = await swarm.tell("alice/1", Thanks(number=1, text="Thank you, Alice!"))
            await swarm.tell("clerk/1", Begin())
        while swarm.stopped is None and (await swarm.counts())["waiting"]:
            watch(len(await swarm.facts.keys(CHECKED)), len(invoices))
            await asyncio.sleep(LOOK_S)
        loop = await _loop(swarm, [verdict for verdict in verdicts if verdict["conversation"] == thanking])
        complaints = sum(verdict["conversation"] != thanking for verdict in verdicts)
        work = await _work(swarm, len(invoices), complaints)
        watch(work.passed, work.invoices)
        return Run(seed, loop, work, await swarm.report())


async def _loop(swarm: Swarm, verdicts: list[dict[str, Any]]) -> Loop | None:
    """What the watchdog said of Alice and Bob, and what it kept from them."""
    verdict = next((verdict for verdict in verdicts if verdict["action"] == "quarantine"), None)
    if verdict is None:
        return None
    letters = await swarm.read_topic("dead-letters", limit=SAFETY_NET)
    barred = [letter.envelope for letter in letters if letter.envelope and letter.dead["reason"] == "quarantined"]
    refused = [envelope for envelope in barred if envelope.conversation == verdict["conversation"]]
    return Loop(
        # One message causes one: the last has as many before it as it has hops.
        quarantined_after=1 + max((envelope.hops for envelope in refused), default=0),
        agents=verdict["agents"],
        exchange=verdict["exchange"],
        reason=verdict["reason"],
        dead_letters=len(refused),
    )


async def _work(swarm: Swarm, invoices: int, complaints: int) -> Work:
    keys = await swarm.facts.keys(CHECKED)
    checks = [fact.value["checks"] for key in keys if (fact := await swarm.facts.get(key)) is not None]
    return Work(
        invoices=invoices,
        passed=len(checks),
        corrected=sum(count > 1 for count in checks),
        messages=2 * sum(checks),
        complaints=complaints,
    )
