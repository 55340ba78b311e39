"""Two boards on Ray, one of which dies: what goes between them arrives once and in order, and nothing else is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from stigmergy.actors.board.owners import Owners
from stigmergy.protocols import Budget
from stigmergy.runtime import Plant, Swarm
from stigmergy.runtime.run_folder import RunFolder
from tests.runtime.cast import Courier, Diary, Heard, Say

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]

COURIERS, DIARIES, EACH = 6, 4, 20


@pytest.mark.parametrize("dies", ["board-1", "board"])
async def test_a_board_of_two_that_is_killed_is_opened_again_and_nothing_is_lost_or_done_twice(tmp_path, dies: str):
    """Couriers and diaries are on both shards; each courier has one message on its way at a time."""
    events: list[tuple[str, dict[str, object]]] = []
    plant = Plant(hosts=2, shards=2)
    async with Swarm(journal=tmp_path, plant=plant, on_event=lambda name, data: events.append((name, data))) as swarm:
        swarm.add(Courier)
        swarm.add(Diary)
        await swarm.start()
        killed = asyncio.Event()

        async def lane(courier: int) -> None:
            for number in range(EACH):
                await swarm.tell(f"courier/{courier}", Say(text=f"{courier}:{number}", n=number % DIARIES))
                if (courier, number) == (0, EACH // 2):
                    os.kill((await swarm.processes())[dies]["pid"], signal.SIGKILL)
                    killed.set()

        await asyncio.gather(*(lane(courier) for courier in range(COURIERS)))
        assert killed.is_set()
        while (await swarm.request("counts"))["waiting"]:  # noqa: ASYNC110 - nobody tells when nothing waits
            await asyncio.sleep(0.05)
        diaries = [(await swarm.ask(f"diary/{n}", Heard(text=""), reply=Heard)).text.split(",") for n in range(DIARIES)]
        for number, diary in enumerate(diaries):
            for courier in range(COURIERS):
                mine = [int(line.partition(":")[2]) for line in diary if line.startswith(f"{courier}:")]
                assert mine == list(range(number, EACH, DIARIES)), (number, courier)
        assert len(await swarm.facts.keys("passed.")) == COURIERS * EACH
        shard = int(dies == "board-1")
        lost = [data["shard"] for name, data in events if name == "board_lost"]
        assert lost == [shard]
        assert swarm.stopped is None
    parcels = [entry for entry in _entries(tmp_path) if entry == "mail.accept"]
    assert len(parcels) == 2 * COURIERS * EACH + DIARIES


async def test_boards_on_ray_share_one_budget_and_stop_exactly(tmp_path):
    stopped, plant = asyncio.Event(), Plant(hosts=2, shards=2)

    def heard(name: str, _data: dict[str, object]) -> None:
        if name == "stopped":
            stopped.set()

    async with Swarm(journal=tmp_path, plant=plant, budget=Budget(messages=150), on_event=heard) as swarm:
        swarm.add(Courier)
        swarm.add(Diary)
        told = [swarm.tell(f"courier/{n % COURIERS}", Say(text=str(n), n=n % DIARIES)) for n in range(140)]
        await asyncio.gather(*told, return_exceptions=True)
        await stopped.wait()
        report = await swarm.report()
    assert (report.messages, report.stop_reason) == (150, "budget")


def test_both_shards_have_something_to_do():
    """What the tests above rest on."""
    two = Owners(2)
    for kind, number in (("courier", COURIERS), ("diary", DIARIES)):
        assert {two.of_agent(f"{kind}/{n}") for n in range(number)} == {0, 1}


def _entries(folder: Path) -> list[str]:
    (run,) = folder.iterdir()
    view = RunFolder(run).view()
    try:
        return [entry.kind for entry in view.read()]
    finally:
        view.close()
