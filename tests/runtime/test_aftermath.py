"""The figures of a swarm whose board has failed, and whose journal nobody can read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from stigmergy.protocols import Message
from stigmergy.protocols.errors import StigmergyError
from stigmergy.runtime import Agent, Swarm, SwarmReport, handles
from stigmergy.runtime.cli.performance import Ending, partial_outcome


class Knock(Message):
    pass


class Porter(Agent):
    """Lets in."""

    @handles
    def knock(self, knock: Knock) -> None: ...


async def with_its_journal_lost(tmp_path, *, asked: bool) -> Swarm:
    """A swarm that has handled two messages, and then its journal was gone; ``asked`` for its figures before."""
    swarm = Swarm(engine="local", journal=tmp_path)
    with pytest.raises(StigmergyError):
        async with swarm:
            swarm.add(Porter)
            await swarm.ask("porter/1", Knock())
            if asked:
                assert (await swarm.report()).messages == 2
            assert swarm.folder is not None
            shutil.rmtree(swarm.folder.path)
            while True:
                await swarm.ask("porter/1", Knock(), timeout_s=5)
    return swarm


async def test_a_failed_swarm_whose_journal_is_lost_tells_the_last_figures_that_were_known(tmp_path):
    report = await (await with_its_journal_lost(tmp_path, asked=True)).report()
    assert (report.is_known, report.messages, report.dead_letters, report.stop_reason) == (True, 2, {}, "failure")


async def test_figures_that_nobody_knows_are_null_and_not_nought(tmp_path):
    report = await (await with_its_journal_lost(tmp_path, asked=False)).report()
    assert (report.is_known, report.stop_reason) == (False, "failure")
    assert [report.to_plain()[name] for name in ("messages", "usd", "dead_letters")] == [None, None, None]


def test_a_partial_report_has_null_for_what_one_of_its_swarms_does_not_know():
    known = SwarmReport(messages=2, usd=0.5, dead_letters={"late answer": 1})
    told = partial_outcome(Ending(None, None, {"a": known}))
    assert json.loads(json.dumps(told.report)) == {
        "messages": 2,
        "model_calls": 0,
        "tokens": 0,
        "usd": 0.5,
        "dead_letters": 1,
    }
    unknown = partial_outcome(Ending(None, None, {"a": known, "b": replace(known, dead_letters=None)}))
    assert set(unknown.report.values()) == {None}
    assert [row[1] for row in unknown.tables[0].rows] == ["-"] * 5
