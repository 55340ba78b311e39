"""A host that dies with an effect in its hands: the case comes to a person, and nothing is repeated silently."""

from __future__ import annotations

import asyncio

import pytest

from stigmergy.runtime import Plant, Swarm
from tests.runtime.tools_cast import Order, Paid, Teller, effects

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


async def test_an_effect_whose_host_was_killed_waits_for_a_person(tmp_path):
    witness = str(tmp_path / "effects")
    cases: asyncio.Queue[str] = asyncio.Queue()
    async with Swarm(
        journal=tmp_path,
        plant=Plant(hosts=1),
        on_event=lambda name, data: cases.put_nowait(data["id"]) if name == "case" else None,
    ) as swarm:
        swarm.add(Teller)
        asking = asyncio.ensure_future(
            swarm.ask("teller/1", Order(witness=witness, how="dies"), reply=Paid, timeout_s=60)
        )
        case = await asyncio.wait_for(cases.get(), 60)
        # The host's successor works, and has not touched the case.
        assert (await swarm.ask("teller/2", Order(witness=witness, tool="look"), reply=Paid, timeout_s=60)).text
        assert effects(witness) == ["0 1"]
        await swarm.decide(case, "happened", {"number": 1})
        assert (await asking).text == "1 of 1"
        assert effects(witness) == ["0 1"]
