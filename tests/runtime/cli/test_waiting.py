"""What a run leaves to a person is said at its end: calls that nobody can vouch for, and who decides about them."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from stigmergy.runtime.cli.performance import Ending
from stigmergy.runtime.cli.run import lost_calls
from stigmergy.runtime.figures import SwarmReport
from stigmergy.runtime.run_folder import RunFolder

from .killing import RUN
from .samples import PAYS

TRUSTED = PAYS.replace("idempotent", "irreversible").replace("up, credit]", 'up, credit.allow(trust=["user", "tool"])]')
DOUBTFUL = TRUSTED.replace(
    """        await swarm.ask("cashier", Claim(usd=2), reply=Claim)
        return Outcome({})""",
    """        try:
            await swarm.ask("cashier", Claim(usd=2), reply=Claim, timeout_s=0.5)
        except StigmergyError:
            return Outcome({"paid": 0})
        return Outcome({"paid": 1})""",
)


def intended(folder) -> int:
    """The number of the entry that says what is about to be done."""
    with closing(RunFolder(folder).view()) as journal:
        steps = [(entry.seq, entry.data["step"]) for entry in journal.read(kinds="mail.step")]
    return next(seq for seq, step in steps if step[1].startswith("tool:credit") and "intended" in step[2:])


@pytest.fixture
def in_doubt(place, stigmergy, app, killed):
    """A run that died between an intention and its result."""
    words = ("run", app("doubts", DOUBTFUL), *RUN)
    assert stigmergy(*words).code == 0
    (folder,) = (place / "runs").iterdir()
    return killed(intended(folder), *words)


def test_effects_in_doubt_are_the_last_line_of_a_run_until_somebody_has_decided(stigmergy, in_doubt):
    ran = stigmergy("resume", in_doubt, "--quiet")
    lost, waits = ran.err.splitlines()
    assert lost == (
        "stigmergy: 1 tool call ended without a known result: what it does may have happened, and it is counted"
    )
    assert waits == (
        f"stigmergy: 1 call waits for a person: stigmergy approve {in_doubt} shows it and takes the decision; "
        f"then stigmergy resume {in_doubt}"
    )
    assert "cashier/pool.1: waits for a person" in stigmergy("trace", in_doubt, "--largest").out
    again = stigmergy("resume", in_doubt, "--json", "--quiet")
    assert json.loads(again.out)["open_cases"] == 1
    (case,) = json.loads(stigmergy("approve", in_doubt, "--json").out)["cases"]
    assert stigmergy("approve", in_doubt, case["id"], "--happened", '{"usd": 2}').code == 0
    decided = stigmergy("resume", in_doubt, "--json", "--quiet", "--anyway")
    assert "open_cases" not in json.loads(decided.out)
    assert "waits for a person" not in decided.err


def test_a_result_that_the_tool_does_not_return_is_refused_in_one_line_and_nothing_is_decided(stigmergy, in_doubt):
    (case,) = json.loads(stigmergy("approve", in_doubt, "--json").out)["cases"]
    ran = stigmergy("approve", in_doubt, case["id"], "--happened", '{"nummer": 1}', "--json")
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert "--happened: the result of credit does not fit Credit: usd: Field required; give what credit returns" in line
    assert len(json.loads(stigmergy("approve", in_doubt, "--json").out)["cases"]) == 1


def test_where_the_app_is_gone_a_result_is_taken_as_it_is(stigmergy, in_doubt, place):
    (case,) = json.loads(stigmergy("approve", in_doubt, "--json").out)["cases"]
    (place / "doubts").rename(place / "gone")
    assert stigmergy("approve", in_doubt, case["id"], "--happened", '{"nummer": 1}').code == 0


@pytest.mark.parametrize(
    ("calls", "tools", "said"),
    [
        (1, 0, ["1 model call ended without a known answer and may have been billed: counted at the worst case"]),
        (2, 2, ["2 tool calls ended without a known result: what they do may have happened, and they are counted"]),
        (
            3,
            1,
            [
                "2 model calls ended without a known answer and may have been billed: counted at the worst case",
                "1 tool call ended without a known result: what it does may have happened, and it is counted",
            ],
        ),
        (0, 0, []),
    ],
)
def test_calls_without_a_known_end_are_named_by_what_they_called(calls, tools, said):
    ending = Ending(None, None, {"a": SwarmReport(forfeited=calls, forfeited_tools=tools)})
    assert list(lost_calls(ending)) == said
