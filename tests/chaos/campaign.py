"""A campaign: sessions of many rounds, each in processes of its own, judged as soon as it has ended."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import driver
from .checker import Verdict, check_round
from .history import load
from .openers import MUTATION
from .plan import WORKLOADS
from .report import Report
from .server import ROOT, ModelServer, environment
from .session import Orders
from .workloads import reference

SESSION_S: Final = 90.0
"""How long one Ray lasts."""

LEAST_S: Final = 15.0
"""Less time is no use to another session: a Ray start takes 5 s of it."""

DRIVERS_LEAVE: Final = 0.7
"""Share of the time that is left after the drivers' runs."""

RPC_TURN: Final = 1
"""Of three sessions, this one has a Ray whose calls fail."""

DROPPED: Final = (
    '{"CoreWorkerService.grpc_client.PushTask":{"num_failures":100000,"req_failure_prob":1,"resp_failure_prob":1,'
    '"in_flight_failure_prob":0}}'
)
"""Of all calls between Ray's processes one in fifty fails, half of them after they were carried out. Ray takes 1.9 s to
say so (measured), so more of them would only show how slow that is."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is to be done."""

    seed: int
    seconds: float
    folder: Path
    mutation: str = ""
    lanes: int = 2
    workloads: tuple[str, ...] = WORKLOADS
    model_faults: float = 0.08
    """Share of model calls that go wrong."""
    rounds: int = 1_000_000
    """At most so many in each lane of a session."""
    keep: bool = False
    """Whether the journals of clean rounds are kept too."""
    drivers: bool = True
    """Whether drivers die too, between the sessions."""
    shards: int = 1
    """Boards of each swarm."""
    rpc: str = "mixed"
    """``failing``: in every session calls between processes fail; ``sound``: in none; ``mixed``: in one of three."""


def run(campaign: Campaign, say: Say) -> Report:
    """Carry it out."""
    report, began = Report(campaign.seed), time.monotonic()
    campaign.folder.mkdir(parents=True, exist_ok=True)
    colony = asyncio.run(reference()) if "colony" in campaign.workloads else {}
    if campaign.drivers:
        colony["run"] = driver.undisturbed(campaign.folder / "undisturbed")
    with ModelServer(campaign.folder / "calls.jsonl", campaign.seed, campaign.model_faults) as server:
        session = 0
        while (left := campaign.seconds - (time.monotonic() - began)) > (LEAST_S if session else 0):
            seconds = min(left * DRIVERS_LEAVE if campaign.drivers else left, SESSION_S)
            orders = Orders(
                str(campaign.folder),
                campaign.seed,
                session,
                campaign.lanes,
                seconds,
                campaign.workloads,
                campaign.rounds,
                campaign.shards,
            )
            _session(campaign, orders, server, colony, lambda verdict: _note(report, verdict, campaign, say))
            if campaign.drivers and time.monotonic() - began < campaign.seconds:
                folder = campaign.folder / f"driver-{session}"
                driver.play(folder, campaign.seed, session, server.base_url, campaign.shards)
                _note(report, check_round(folder, server.calls(), colony), campaign, say)
            session += 1
            if campaign.rounds < 1_000_000:
                break
        report.model_faults(server.calls())
    return report


def _session(
    campaign: Campaign,
    orders: Orders,
    server: ModelServer,
    colony: dict[str, Any],
    on_verdict: Callable[[Verdict], None],
) -> None:
    more = {"ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": "test-key-of-nobody"}
    if campaign.mutation:
        more[MUTATION] = campaign.mutation
    if campaign.rpc == "failing" or (campaign.rpc == "mixed" and orders.session % 3 == RPC_TURN):
        more["RAY_testing_rpc_failure"] = DROPPED
    with (campaign.folder / f"session-{orders.session}.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.session", orders.to_text()],
            cwd=ROOT,
            env=environment(**more),
            stdout=log,
            stderr=log,
        )
        judged: set[Path] = set()
        try:
            while child.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=0.5)
                _judge(campaign, orders, judged, server, colony, on_verdict)
            _judge(campaign, orders, judged, server, colony, on_verdict)
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait(timeout=60)


def _judge(
    campaign: Campaign,
    orders: Orders,
    judged: set[Path],
    server: ModelServer,
    colony: dict[str, Any],
    on_verdict: Callable[[Verdict], None],
) -> None:
    for folder in sorted(campaign.folder.glob(f"{orders.session}-*")):
        if folder in judged or not any(
            line["kind"] in {"closed", "crashed"} for line in load(folder / "history.jsonl")[-1:]
        ):
            continue
        judged.add(folder)
        on_verdict(check_round(folder, server.calls(), colony))


def _note(report: Report, verdict: Verdict, campaign: Campaign, say: Say) -> None:
    report.add(verdict)
    faults = ", ".join(f"{times} {kind}" for kind, times in sorted(verdict.faults.items())) or "no fault"
    say(f"round {verdict.name:<7} {verdict.workload:<8} {verdict.turns:>6} turns  {faults}")
    for violation in verdict.violations[:5]:
        say(f"  VIOLATION {violation.kind}: {violation.text}")
    if not verdict.violations and not campaign.keep:
        shutil.rmtree(campaign.folder / verdict.name, ignore_errors=True)
