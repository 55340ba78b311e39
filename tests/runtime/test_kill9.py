"""kill -9 around an effect: nothing is done twice silently, nothing is forgotten. The witness is a file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from stigmergy.runtime.cli import main

from . import kill9
from .tools_cast import Order, Paid, Teller, effects
from .town import Town

MOMENTS = tuple(kill9.MOMENTS)


@pytest.fixture(scope="module")
def graves(tmp_path_factory, forker):
    """The folders of the children that were killed, by name."""
    folder = tmp_path_factory.mktemp("graves")
    root = Path(__file__).parents[2]
    with forker.start(root, [kill9.__file__, folder]) as ran:
        out, err = ran.communicate()
    ended = dict(line.split() for line in out.splitlines())
    assert set(ended.values()) == {"-9"}, (ended, err)
    return folder


async def go_on(place: Path) -> tuple[str, list[str]]:
    """Open the journal again, let everything that is open end, and tell what the agent and the witness say."""
    async with Town(Teller, journal=place / "journal.db", driver="again") as town:
        assert await town.cases() == []
        async with asyncio.timeout(10):
            said = await town.ask("teller/1", Order(witness=str(place / "effects"), tool="look"), Paid)
        return said.text.rpartition(" ")[2], effects(str(place / "effects"))


@pytest.mark.parametrize("moment", MOMENTS)
async def test_an_idempotent_tool_is_called_again_under_its_key_unless_it_was_done(graves, moment):
    place = graves / f"book-{moment}"
    before = effects(str(place / "effects"))
    assert before == ([] if "intended" in moment else ["0 1"])
    turns, after = await go_on(place)
    assert turns == "2"
    assert after == (["0 1", "0 1"] if moment == "before-done" else ["0 1"])


@pytest.mark.parametrize("moment", ["before-intended", "after-done"])
async def test_an_irreversible_tool_that_is_not_in_doubt_has_its_effect_once(graves, moment):
    place = graves / f"credit-{moment}"
    assert len(effects(str(place / "effects"))) == (moment == "after-done")
    assert await go_on(place) == ("2", ["0 1"])


def decide(capsys, place: Path, *words: str) -> Any:
    capsys.readouterr()
    assert main(["approve", str(place), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("moment", "decision"),
    [("after-intended", ["--do"]), ("before-done", ["--happened", '{"number": 1}'])],
)
def test_an_irreversible_tool_in_doubt_is_never_repeated_before_a_person_has_decided(graves, capsys, moment, decision):
    place = graves / f"credit-{moment}"
    had = effects(str(place / "effects"))
    assert had == ([] if moment == "after-intended" else ["0 1"])

    async def wait_for_nothing() -> None:
        async with Town(Teller, journal=place / "journal.db", driver="meanwhile") as town:
            (case,) = await town.cases()
            assert (case.tool, case.reason, case.agent) == ("credit", "ambiguous effect", "teller/1")
            # Another agent goes on, so the held one had its chance to run.
            await town.ask("teller/2", Order(witness=str(place / "other")), Paid)

    asyncio.run(wait_for_nothing())
    assert effects(str(place / "effects")) == had
    assert main(["approve", str(place)]) == 0
    out = capsys.readouterr().out
    assert all(
        part in out for part in ("1 case of", "ambiguous effect", "teller/1", "credit", '"usd": 1.0', "--happened")
    )
    (case,) = decide(capsys, place)["cases"]
    assert decide(capsys, place, case["id"][:10], *decision, "--by", "a test")["decided"] in {"do", "happened"}
    assert decide(capsys, place)["count"] == 0
    assert asyncio.run(go_on(place)) == ("2", ["0 1"])
