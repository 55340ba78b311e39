"""Runs over several shards, from the command line: what there is to see of them is what one board would have shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stigmergy.runtime.run_folder import RunFolder
from tests.depth import depth

from .killing import RUN as ONE
from .killing import told

RUN = (*ONE, "--shards", 3)


def inspected(stigmergy, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stigmergy("inspect", run, "--json").out)
    return found


def test_each_shard_has_a_journal_and_run_json_knows_how_many(place, stigmergy, office):
    assert stigmergy("run", office, *RUN).code == 0
    (folder,) = (place / "runs").iterdir()
    assert {file.name for file in folder.glob("*.db")} == {"journal.db", "journal.1.db", "journal.2.db"}
    assert RunFolder(folder).shards == 3


def test_a_run_over_shards_comes_to_what_one_board_comes_to(stigmergy, office):
    one = told(stigmergy("run", office, *ONE))
    assert told(stigmergy("run", office, *RUN)) == one


def test_what_is_inspected_of_shards_is_what_one_board_would_show(stigmergy, office):
    figures = []
    for words in (ONE, RUN):
        run = Path(json.loads(stigmergy("run", office, *words).out)["journal"]).name
        found = inspected(stigmergy, run)
        counts = {
            party["name"]: [party[one] for one in ("received", "sent", "turns", "failures", "dead")]
            for party in found["kinds"]
        }
        facts = found["blackboard"]["facts"]
        figures.append((found["messages"], found["conversations"], found["open_messages"], counts, facts["keys"]))
        assert found["dead_letters"]["by_reason"] == {"handler failed": 2}
        assert [host["host"] for host in found["hosts"]] == ["host-1.1"]
    assert figures[0] == figures[1]


def test_a_conversation_over_shards_is_one_tree(stigmergy, office):
    stigmergy("run", office, *RUN)
    tree = stigmergy("trace", "last", "--largest").out
    assert "clerk" in tree
    assert "adder/" in tree


@pytest.mark.parametrize("at", [30, -45, 3, 60][: depth(2, 4)])
def test_a_run_over_shards_that_was_killed_anywhere_ends_as_if_nothing_had_been(stigmergy, office, killed, at):
    undisturbed = told(stigmergy("run", office, *RUN))
    run = killed(at, "run", office, *RUN)
    assert told(stigmergy("resume", run, "--json", "--quiet")) == undisturbed


def test_a_budget_stops_shards_exactly_and_a_larger_one_lets_them_go_on(stigmergy, office):
    undisturbed = told(stigmergy("run", office, *RUN))
    stopped = stigmergy("run", office, *RUN, "--budget-messages", 30)
    assert stopped.code == 3
    run = json.loads(stopped.out)["journal"]
    assert inspected(stigmergy, run)["messages"] == 30
    assert told(stigmergy("resume", run, "--json", "--quiet", "--budget-messages", 1000)) == undisturbed


def test_dead_letters_of_any_shard_can_be_put_back(stigmergy, office):
    run = Path(json.loads(stigmergy("run", office, *RUN).out)["journal"]).name
    found = json.loads(stigmergy("dead-letters", run, "--json").out)
    assert found["count"] == 2
    put = json.loads(stigmergy("dead-letters", run, "--put-back", "all", "--json").out)
    assert put["put_back"] == 2
    again = json.loads(stigmergy("dead-letters", run, "--put-back", found["dead_letters"][0]["id"], "--json").out)
    assert list(again["not_put_back"].values()) == ["it was put back before"]
    assert stigmergy("resume", run, "--json", "--quiet").code == 0
    assert json.loads(stigmergy("dead-letters", run, "--json").out)["count"] == 5


def test_a_run_goes_on_with_as_many_shards_as_it_began_with(place, stigmergy, office, killed):
    run = killed(30, "run", office, *RUN)
    record = place / "runs" / run / "run.json"
    began = record.read_text()
    other = began.replace('"--shards",\n    "3"', '"--shards",\n    "2"')
    record.write_text(other)
    refused = stigmergy("resume", run)
    assert refused.code == 2
    assert "this journal is that of shard 0 of 3, and not of shard 0 of 2" in refused.err
    assert record.read_text() == other, "what was refused is not written down"
    record.write_text(began)
    assert stigmergy("resume", run, "--json", "--quiet").code == 0
