"""The desk with the real SDK against a Messages API server on loopback: what it pays, and what it survives."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from examples.support_desk.app import DeskOptions, app
from examples.support_desk.stand_in import brain
from stigmergy.actors.journal import SqliteJournal
from stigmergy.actors.ledger import Ledger
from stigmergy.protocols import Budget
from stigmergy.runtime import Plant, Stage
from stigmergy.runtime.testing.messages_server import MessagesServer
from stigmergy.runtime.testing.messages_server_books import Books
from stigmergy.runtime.testing.messages_server_faults import KINDS, FaultPlan
from tests.examples.support_desk.shop import first


@pytest.fixture(scope="module")
def running_server():
    with MessagesServer(brain) as server:
        yield server


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """What is asked again is asked at once, and not after the half second of the SDK."""
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.001)


@pytest.fixture
def desk(running_server, monkeypatch, tmp_path):
    """Runs the desk against a server with books of their own; returns the report and the server."""

    async def run(faults=None, budget=None, **options):
        server = running_server
        server.faults, server.books = faults or FaultPlan(), Books()
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key-of-nobody")
        stage = Stage(journal=str(tmp_path / "runs"), plant=Plant(engine="local"), budget=budget or Budget())
        outcome = await app.main(DeskOptions(brain="claude", **options), stage)
        return outcome.report, server

    return run


def tickets(folder: Path, count: int) -> Path:
    return first(count, "tickets.csv", folder)


def ledger_samples(journal: Path):
    """settled + reserved of the swarm's account, in nano-dollars, after every entry of the ledger."""
    ledger = Ledger(lambda kind, data: None)
    read = SqliteJournal.open_readonly(journal)
    for entry in read.read(kinds="ledger."):
        ledger.apply(entry.kind, entry.data)
        at = ledger.position("swarm")
        yield at.settled.nano_usd + at.reserved.nano_usd, at
    read.close()


async def test_every_call_is_paid_and_the_books_agree_to_the_nano_dollar(desk, tmp_path):
    report, server = await desk(input=tickets(tmp_path, 6))
    assert report["model_calls"] == len(server.books.entries) > 9
    assert round(report["usd"] * 1e9) == server.books.nano_usd > 0
    assert report["answered"] + sum(report["escalated"].values()) == report["tickets"]
    assert server.books.paid_twice() == []
    assert {entry.model for entry in server.books.entries} == {"claude-haiku-5-5", "claude-sonnet-5-5"}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_fault_of_the_provider_costs_no_ticket(desk, tmp_path, kind, monkeypatch):
    faults = FaultPlan()
    faults.schedule(None, kind, None, kind)
    report, server = await desk(faults, input=tickets(tmp_path, 2), model_timeout_s=1)
    assert report["answered"] + sum(report["escalated"].values()) == report["tickets"] == 2
    assert server.books.paid_twice() == []
    samples = list(ledger_samples(Path(report["journal"]) / "journal.db"))
    _, last = samples[-1]
    # What the ledger counts or still holds covers what the provider billed.
    assert last.settled.nano_usd + last.reserved.nano_usd >= server.books.nano_usd


async def test_sixteen_tickets_at_once_never_pass_a_ceiling_of_five_cents(desk):
    report, server = await desk(budget=Budget(usd="0.05"), at_once=16)
    samples = [total for total, _ in ledger_samples(Path(report["journal"]) / "journal.db")]
    assert len(samples) > 20
    assert max(samples) <= 50_000_000
    assert round(report["usd"] * 1e9) == server.books.nano_usd
    assert server.books.nano_usd <= 50_000_000
    assert report["stop_reason"] == "budget"
    assert report["untouched"] > 0
    assert report["answered"] + sum(report["escalated"].values()) + report["untouched"] == report["tickets"]


async def test_a_desk_whose_provider_cannot_be_reached_says_so_and_where_it_looked(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key-of-nobody")
    stage = Stage(plant=Plant(engine="local"))
    options = DeskOptions.model_validate({"brain": "claude", "input": tickets(tmp_path, 2)})
    outcome = await app.main(options, stage)
    (warning,) = outcome.warnings
    assert warning.startswith("2 of 2 tickets went to a person because an agent failed: ")
    assert f"no model provider can be reached at {url} (ConnectError): check that address" in warning
    assert (outcome.report["escalated"], outcome.report["answered"]) == ({"failure": 2}, 0)
