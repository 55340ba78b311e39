"""A loop and honest work side by side: the first is stopped, the second does not notice."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import pytest

from examples.politeness_loop.app import app
from examples.politeness_loop.invoices import CHECKED, Invoice, first_fault
from examples.politeness_loop.run import run
from examples.politeness_loop.thanks import Thanks
from stigmergy.actors.journal import SqliteJournal
from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.protocols import Budget, Envelope
from stigmergy.protocols.codec import unpack
from stigmergy.protocols.message import decode
from stigmergy.runtime import Plant, Stage
from tests.depth import depth

LOCAL = Plant(engine="local")


def ignore(_done, _total):
    return None


def entries_of(journal: str, *kinds: str):
    opened = SqliteJournal.open_readonly(Path(journal) / "journal.db")
    found = list(opened.read(kinds=kinds))
    opened.close()
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run with a journal that is read afterwards."""
    stage = Stage(plant=LOCAL, journal=str(tmp_path_factory.mktemp("runs")))
    return asyncio.run(run(stage, 0, ignore))


@pytest.mark.parametrize("seed", range(depth(2, 8)))
async def test_the_loop_is_quarantined_within_50_messages_and_the_work_is_done(seed):
    ended = await run(Stage(plant=LOCAL), seed, ignore)
    assert ended.loop is not None
    assert ended.loop.quarantined_after <= 50
    assert set(ended.loop.agents) == {"alice/1", "bob/1"}
    assert ended.loop.reason == "ping_pong"
    assert ended.loop.dead_letters == 1
    assert "alice/1 -Thanks-> bob/1" in ended.loop.exchange
    assert asdict(ended.work) == {
        "invoices": 48,
        "passed": 48,
        "corrected": 23,
        "messages": 178,
        "complaints": 0,
    }
    assert ended.work.unharmed
    assert ended.figures.stop_reason == ""


def test_the_journal_holds_as_many_thanks_as_the_report_says_and_no_two_alike(recorded):
    ended = recorded
    assert ended.loop is not None
    accepted = [Envelope.from_wire(e.data["e"]) for e in entries_of(ended.figures.journal, "mail.accept")]
    thanks = [decode(Thanks, envelope.body) for envelope in accepted if envelope.type == "Thanks@1"]
    assert len(thanks) == ended.loop.quarantined_after - 1  # the last one was refused
    assert [each.number for each in thanks] == list(range(1, len(thanks) + 1))
    assert len({each.text for each in thanks}) > 10
    (letter,) = [unpack(e.data["body"]) for e in entries_of(ended.figures.journal, "topics.post")]
    refused = decode(Thanks, Envelope.from_wire(letter["envelope"]).body)
    assert (refused.number, letter["reason"]) == (ended.loop.quarantined_after, "quarantined")
    assert ended.figures.messages == ended.loop.quarantined_after + ended.work.messages + 1  # and the word to begin


def test_every_invoice_that_passed_adds_up(recorded):
    changes = [change for e in entries_of(recorded.figures.journal, "facts.write") for change in e.data["changes"]]
    passed = [Invoice.model_validate(unpack(value)["invoice"]) for key, value in changes if key.startswith(CHECKED)]
    assert len({invoice.number for invoice in passed}) == len(passed) == 48
    assert [first_fault(invoice) for invoice in passed] == [None] * 48


async def test_a_quarantine_does_not_stop_the_swarm():
    seen = []
    stage = Stage(plant=LOCAL, progress=lambda done, total, text: seen.append((done, total)))
    ended = await app.main(app.options(runs=2), stage)
    assert ended.stop_reason == ended.report["stop_reason"] == "done"
    assert (ended.report["caught"], ended.report["unharmed"], len(ended.report["runs"])) == (2, 2, 2)
    assert [each["seed"] for each in ended.report["runs"]] == [0, 1]
    assert ended.notes == (ended.report["loop"]["exchange"],)
    assert [row[5] for row in ended.tables[0].rows] == ["48 of 48"] * 2
    assert seen == sorted(seen)
    assert seen[-1] == (2 * 48, 2 * 48)


async def test_without_the_watchdog_only_the_ledger_ends_it():
    plant = Plant(engine="local", limits=asdict(LoopLimits.simulation()))
    ended = await app.main(app.options(), Stage(plant=plant, budget=Budget(messages=500)))
    assert ended.stop_reason == "budget"
    assert ended.report["loop"] is None
    assert ended.report["messages"] == 500
    assert ended.report["work"]["unharmed"]  # 178 messages are soon sent
    assert ended.tables[0].rows[0][1] == "never"


@pytest.mark.parametrize("messages", [1, 2, 60])
async def test_a_run_whose_budget_ends_tells_what_was_done(messages):
    ended = await app.main(app.options(runs=2), Stage(plant=LOCAL, budget=Budget(messages=messages)))
    work = ended.report["work"]
    assert ended.stop_reason == "budget"
    assert len(ended.report["runs"]) == 1
    assert work["passed"] < work["invoices"]
    assert not work["unharmed"]


async def test_the_same_seed_leaves_the_same_digest():
    first, again = [await run(Stage(plant=LOCAL), 7, ignore) for _ in range(2)]
    assert first == again


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
async def test_on_ray_the_loop_is_stopped_and_the_work_is_done():
    ended = await app.main(app.options(runs=1), Stage())
    assert (ended.report["caught"], ended.report["unharmed"]) == (1, 1)
    assert all(each["loop"]["quarantined_after"] <= 50 for each in ended.report["runs"])
    assert ended.stop_reason == "done"
