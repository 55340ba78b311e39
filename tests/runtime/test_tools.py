"""Tools: what may be called, and what becomes of an effect that nobody is sure of."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stigmergy.protocols import Budget, SwarmStopped, UsageError
from stigmergy.protocols.errors import AmbiguousEffect, InvalidName, Malformed
from stigmergy.runtime import AtMost, Matching, OneOf, Under, tool
from stigmergy.runtime.tools import Toolbox

from .tools_cast import Impatient, Order, Paid, Pay, Strict, Teller, book, credit, effects, erase, look
from .town import Town


@pytest.fixture
def witness(tmp_path):
    return str(tmp_path / "effects")


async def test_a_tool_is_called_and_paid_for(witness):
    async with Town(Teller) as town:
        assert (await town.ask("teller/1", Order(witness=witness), Paid)).text == "1 of 1"
        position = await town.request("ledger", ["position", "swarm"])
        accounts = [one["account"] for one in await town.request("ledger", ["accounts"])]
    assert not any("conversation:" in account for account in accounts)  # it was answered, and nobody asks again
    assert effects(witness) == ["0 1"]
    assert (position["settled"]["tool_calls"], position["reserved"].get("tool_calls", 0)) == (1, 0)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"usd": 51}, "ToolRefused: credit: usd is 51.0, and at most 50 is allowed at teller"),
        ({"tool": "erase"}, "ToolRefused: teller may not use 'erase' (its tools: credit, book, look); put it"),
        ({"how": "fails"}, "ToolFailed: no such customer"),
        ({"tool": "look", "how": "slow"}, "ToolTimeout: look took longer than 0.1 s"),
    ],
)
async def test_what_a_tool_does_not_do_is_told_by_a_typed_error_and_has_no_effect(witness, order, said):
    async with Town(Teller) as town:
        assert (await town.ask("teller/1", Order(witness=witness, **order), Paid)).text.startswith(said)
    assert effects(witness) == []


async def test_no_tool_runs_when_the_budget_of_calls_is_spent(witness):
    async with Town(Teller, budget=Budget(tool_calls=1)) as town:
        await town.ask("teller/1", Order(witness=witness), Paid)
        with pytest.raises(SwarmStopped, match="1 tool_call asked for, 0 left of 1"):
            await town.ask("teller/1", Order(witness=witness), Paid)
    assert len(effects(witness)) == 1


async def test_an_idempotent_tool_that_raises_is_called_again_under_the_same_key(witness):
    async with Town(Teller) as town:
        with pytest.raises(Exception, match="ConnectionError: the line went dead"):
            await town.ask("teller/1", Order(witness=witness, tool="book", how="breaks"), Paid)
        assert await town.cases() == []
    assert effects(witness) == ["0 1", "0 1", "0 1"]


async def in_doubt(town: Town, witness: str) -> asyncio.Task[Paid]:
    """An irreversible tool has had its effect and did not live to say so."""
    answer = town.begin("teller/1", Order(witness=witness, how="breaks"), Paid)
    case = await town.heard("case")
    assert (case["reason"], case["tool"], case["agent"]) == ("ambiguous effect", "credit", "teller/1")
    assert case["error"] == "ConnectionError: the line went dead"
    assert [one.id for one in await town.cases()] == [case["id"]]
    assert effects(witness) == ["0 1"]
    return answer


async def test_an_irreversible_tool_in_doubt_waits_for_a_person_who_says_that_it_happened(witness):
    async with Town(Teller) as town:
        answer = await in_doubt(town, witness)
        (case,) = await town.cases()
        await town.decide(case.id, "happened", {"number": 7})
        assert (await answer).text == "7 of 1"
        assert await town.cases() == []
        with pytest.raises(UsageError, match="decided already"):
            await town.decide(case.id, "happened", {"number": 8})
    assert effects(witness) == ["0 1"]


async def test_a_result_that_a_person_misspelt_is_told_with_its_field(witness):
    async with Town(Teller) as town:
        answer = await in_doubt(town, witness)
        (case,) = await town.cases()
        await town.decide(case.id, "happened", {"nummer": 7})
        with pytest.raises(Malformed, match="the result of credit does not fit Receipt: number: Field required"):
            await answer


async def test_a_person_can_have_it_done_again_and_is_asked_again_when_that_is_in_doubt_too(witness):
    async with Town(Teller) as town:
        answer = await in_doubt(town, witness)
        (case,) = await town.cases()
        town.events.clear()
        await town.decide(case.id, "do")
        await town.heard("case")
        assert effects(witness) == ["0 1", "0 1"]
        await town.decide(case.id, "refuse", "enough")
        assert (await answer).text == "ToolRefused: enough"
    assert effects(witness) == ["0 1", "0 1"]


async def test_a_person_can_give_it_up_and_it_is_a_dead_letter(witness):
    async with Town(Teller) as town:
        answer = await in_doubt(town, witness)
        (case,) = await town.cases()
        await town.decide(case.id, "give-up", by="somebody")
        with pytest.raises(AmbiguousEffect, match="credit of teller/1 in turn .*: .* given up by somebody"):
            await answer
        assert (await town.request("counts"))["dead_letters"] == {"ambiguous effect": 1}
        assert (await town.ask("teller/1", Order(witness=witness, usd=2), Paid)).text == "2 of 1"


@pytest.mark.parametrize(("name", "how"), [("hasty", ""), ("credit", "waits for")])
async def test_no_handler_can_swallow_the_doubt_about_a_call_that_did_not_end_in_time(witness, name, how):
    async with Town(Impatient) as town:
        answer = town.begin("impatient/1", Order(witness=witness, tool=name, how=how), Paid)
        case = await town.heard("case")
        assert (case["tool"], case["reason"]) == (name, "ambiguous effect")
        assert not answer.done()
        await town.decide(case["id"], "happened", {"number": 1})
        assert (await answer).text == "it went on"
    assert len(effects(witness)) == 1


async def test_a_turn_that_takes_too_long_in_an_irreversible_call_is_held_and_not_buried(witness):
    async with Town() as town:
        town.roster.add(Impatient, {}, None, {"turn_timeout_s": 0.05})
        await town.request("kind", town.roster.kinds["impatient"].to_plain())
        await town.crash()
        answer = town.begin("impatient/1", Order(witness=witness), Paid)
        assert (await town.heard("case"))["reason"] == "ambiguous effect"
        (case,) = await town.cases()
        await town.decide(case.id, "give-up")
        with pytest.raises(AmbiguousEffect):
            await answer


async def test_what_waits_behind_a_held_turn_keeps_its_order_and_others_go_on(witness):
    async with Town(Teller) as town:
        first = await in_doubt(town, witness)
        later = [town.begin("teller/1", Order(witness=witness, usd=usd), Paid) for usd in (2, 3)]
        assert (await town.ask("teller/2", Order(witness=witness, usd=9), Paid)).text == "2 of 1"
        assert not any(answer.done() for answer in later)
        await town.crash()
        (case,) = await town.cases()
        await town.decide(case.id, "happened", {"number": 1})
        assert [(await answer).text for answer in (first, *later)] == ["1 of 1", "3 of 2", "4 of 3"]


async def test_letters_that_the_host_has_behind_a_held_turn_are_taken_back(witness):
    async with Town(Teller) as town:
        answers = [
            town.begin("teller/1", Order(witness=witness, usd=usd, how=how), Paid)
            for usd, how in ((1, "breaks"), (2, ""), (3, ""))
        ]
        await town.heard("case")
        (case,) = await town.cases()
        assert effects(witness) == ["0 1"]
        await town.decide(case.id, "happened", {"number": 1})
        assert [(await answer).text for answer in answers] == ["1 of 1", "2 of 2", "3 of 3"]


async def test_a_decision_may_reach_the_host_together_with_the_word_that_its_turn_is_held(witness):
    async with Town(Teller) as town:
        released = town.hold_answers_to("commit")
        answer = town.begin("teller/1", Order(witness=witness, how="breaks"), Paid)
        case = await town.heard("case")
        await town.decide(case["id"], "happened", {"number": 7})
        await town.request("counts")  # the turn has gone out again
        released.set()
        assert (await answer).text == "7 of 1"


async def test_a_marked_context_cannot_drive_an_irreversible_tool_until_a_person_agrees_to_that_very_call(witness):
    async with Town(Strict) as town:
        answer = town.begin("strict/1", Order(witness=witness, usd=80), Paid, marks=("user",))
        case = await town.heard("case")
        assert (case["reason"], case["arguments"]["usd"], case["marks"]) == ("not approved", 80.0, ["user"])
        assert effects(witness) == []
        with pytest.raises(UsageError, match="has not been called"):
            await town.decide(case["id"], "happened", {"number": 1})
        await town.decide(case["id"], "do")
        assert (await answer).text == "1 of 1"
    assert effects(witness) == ["0 80"]


async def test_without_marks_nobody_has_to_agree(witness):
    async with Town(Strict) as town:
        assert (await town.ask("strict/1", Order(witness=witness), Paid)).text == "1 of 1"


@pytest.mark.parametrize(
    ("cap", "good", "bad"),
    [
        (AtMost(50), [50, 0.5], [50.01, "x", None]),
        (OneOf("EUR", "USD"), ["EUR"], ["eur", ""]),
        (Matching(r"[a-z]+"), ["abc"], ["abc1", 7, "a\n"]),
    ],
)
def test_a_cap_lets_pass_what_is_within(cap, good, bad):
    assert [cap.objection(value) for value in good] == [""] * len(good)
    assert all(cap.objection(value) for value in bad)


def test_a_folder_cap_follows_dots_and_links(tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    cap = Under(str(folder))
    assert [cap.objection(f"{folder}/{path}") for path in ("a.txt", "a/../b", ".")] == ["", "", ""]
    assert all(cap.objection(f"{folder}/{path}") for path in ("../b", "link/secret", "a\0b"))
    assert all(
        cap.objection(path) for path in ("/etc/passwd", "a.txt", Path("a.txt"), 7)
    )  # who opens a.txt, and where?


def test_a_tool_that_is_declared_wrongly_is_refused_at_once():
    wrong: Any = effects
    with pytest.raises(UsageError, match="no argument 'eur' to cap"):
        credit.allow(eur=AtMost(5))
    with pytest.raises(UsageError, match="two tools called 'credit'"):
        Toolbox("teller", [credit, credit.allow()])
    with pytest.raises(UsageError, match="is no tool"):
        Toolbox("teller", [wrong])
    with pytest.raises(UsageError, match="must take"):
        tool("read")(wrong)
    with pytest.raises(UsageError, match="cannot be 'write'"):
        tool("write")  # type: ignore[arg-type]
    with pytest.raises(InvalidName):
        tool("read", name="no name")(look.function)


def test_a_model_is_told_of_the_tools():
    (spec, _) = Toolbox("teller", [book, erase]).specs()
    assert (spec.name, spec.description) == ("book", "Books a payment under its key.")
    assert spec.parameters == Pay.model_json_schema()
