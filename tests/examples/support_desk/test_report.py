"""The report of a run that stopped early: what nobody has touched is not what was broken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from examples.support_desk.app import DeskOptions, app
from stigmergy.protocols import Budget
from stigmergy.runtime import Plant, Stage
from tests.examples.support_desk.shop import first


def rules(folder: Path, **more: Any) -> DeskOptions:
    """A desk by the rules, which a part of the past tickets teaches well enough."""
    return DeskOptions.model_validate({"brain": "rules", "history": first(29, "history.csv", folder), **more})


async def test_tickets_that_were_begun_when_the_swarm_stopped_are_not_called_untouched(tmp_path):
    stage = Stage(plant=Plant(engine="local"), budget=Budget(messages=60))
    ended = await app.main(rules(tmp_path, at_once=8), stage)
    report = ended.report
    assert report["stop_reason"] == "budget"
    handled = report["answered"] + sum(report["escalated"].values())
    assert handled + report["rejected"] + report["untouched"] == report["tickets"] == 61
    assert 0 < report["in_flight"] <= 8
    rows = {row[0]: row[1] for row in ended.tables[0].rows}
    assert int(rows["untouched"]) == report["untouched"] - report["in_flight"] > 0
    assert int(rows["begun, not finished"]) == report["in_flight"]


async def test_a_run_that_came_to_its_end_has_broken_off_nothing(tmp_path):
    few = first(10, "tickets.csv", tmp_path)
    ended = await app.main(rules(tmp_path, input=few), Stage(plant=Plant(engine="local")))
    assert (ended.report["untouched"], ended.report["in_flight"]) == (0, 0)
    rows = {row[0]: row[1] for row in ended.tables[0].rows}
    assert (rows["untouched"], "begun, not finished" in rows) == ("0", False)
