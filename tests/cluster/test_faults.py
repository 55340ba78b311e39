"""Faults that need real processes: poison, hung hosts, hosts that never come up, floods. One Ray for all tests here."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stigmergy.actors.journal import SqliteJournal
from stigmergy.protocols import DeliveryError, HandlerFailed, MailboxFull, StigmergyError, SwarmStopped, UsageError
from stigmergy.runtime import Plant, Swarm
from tests.cluster.cast import Bystander, Flood, Poison, StillBorn
from tests.runtime.cast import Diary, Echo, Heard, Say

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]

BAR_S = 15.0
"""A silent host is replaced within this."""

NEIGHBOURS = 10


class Happenings(list[tuple[str, dict[str, Any]]]):
    """The events of a swarm, and a way to wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def __call__(self, name: str, data: dict[str, Any]) -> None:
        self.append((name, data))
        self._news.set()

    def named(self, name: str) -> list[dict[str, Any]]:
        return [data for event, data in self if event == name]

    async def until(self, name: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while not self.named(name):
                self._news.clear()
                await self._news.wait()
        return self.named(name)[0]


def finished(swarm: Swarm) -> Counter[str]:
    """How often each message was finished, as the journal of an ended run has it."""
    assert swarm.folder is not None
    journal = SqliteJournal.open_readonly(swarm.folder.path / "journal.db")
    try:
        return Counter(entry.data["id"] for entry in journal.read() if entry.kind == "mail.done")
    finally:
        journal.close()


async def pid_of(swarm: Swarm, name: str) -> int:
    return int((await swarm.processes())[name]["pid"])


@pytest.mark.parametrize("poison", ["exit", "overflow"])
async def test_poison_that_ends_its_process_is_buried_and_costs_each_neighbour_one_restart(tmp_path, poison: str):
    neighbours, dead_letters = await poisoned(tmp_path, poison)
    assert neighbours <= {1, 2}
    assert dead_letters == {"killed its host": 1}


async def poisoned(folder: Path, poison: str) -> tuple[set[int], dict[str, int] | None]:
    """How often each neighbour of poison was begun, and the dead letters. Poison ends its process three times."""
    door, events = folder / "door", Happenings()
    door.touch()
    async with Swarm(journal=folder / "runs", plant=Plant(hosts=1), on_event=events) as swarm:
        swarm.add(Poison)
        swarm.add(Bystander)
        ask = asyncio.ensure_future
        waiting = [
            ask(swarm.ask(f"bystander/{n}", Say(text=str(door)), reply=Heard, timeout_s=90)) for n in range(NEIGHBOURS)
        ]
        dying = ask(swarm.ask("poison/one", Say(text=poison), reply=Heard, timeout_s=90))
        await events.until("host_lost")
        door.unlink()
        with pytest.raises(DeliveryError, match="killed its host 3 times"):
            await dying
        return {(await neighbour).n for neighbour in waiting}, (await swarm.report()).dead_letters


async def test_the_death_of_a_host_is_told_by_ray_though_a_child_that_it_forked_lives_on(tmp_path):
    events = Happenings()
    async with Swarm(journal=tmp_path, plant=Plant(hosts=1), on_event=events) as swarm:
        swarm.add(Poison)
        forked = await swarm.ask("poison/one", Say(text="fork"), reply=Heard)
        try:
            os.kill(forked.n, signal.SIGKILL)
            lost = await events.until("host_lost")
        finally:
            with suppress(ProcessLookupError):  # Ray ends the children of a process that it knows to be dead
                os.kill(int(forked.text), signal.SIGKILL)
    assert "died unexpectedly" in lost["reason"]


@pytest.mark.parametrize(("poison", "said"), [("raise", "RuntimeError: poison"), ("memory", "MemoryError")])
async def test_poison_that_raises_is_buried_after_three_attempts_and_its_process_lives(
    tmp_path, poison: str, said: str
):
    events = Happenings()
    async with Swarm(journal=tmp_path, plant=Plant(hosts=1), on_event=events) as swarm:
        swarm.add(Poison)
        with pytest.raises(HandlerFailed, match=said):
            await swarm.ask("poison/one", Say(text=poison), reply=Heard)
        assert (await swarm.ask("poison/one", Say(text="nothing"), reply=Heard)).text == "harmless"
        assert events.named("host_lost") == []


async def test_an_agent_that_dies_when_it_is_made_is_tried_three_times_and_no_more(tmp_path):
    events = Happenings()
    async with Swarm(journal=tmp_path, plant=Plant(hosts=1), on_event=events) as swarm:
        swarm.add(StillBorn)
        swarm.add(Echo)
        with pytest.raises(DeliveryError, match="killed its host 3 times"):
            await swarm.ask("still-born/one", Say(text="?"), reply=Heard, timeout_s=60)
        assert (await swarm.ask("echo", Say(text="still here"), reply=Heard)).text == "still here!"
        assert len(events.named("host_lost")) == 3


async def test_a_host_that_never_comes_up_is_given_up_with_a_clear_error(tmp_path, monkeypatch):
    module = tmp_path / "deadly.py"
    module.write_text(
        "import os\n"
        f"if os.getpid() != {os.getpid()}:\n    os._exit(1)\n"
        "from stigmergy.runtime import Agent, handles\n"
        "from tests.runtime.cast import Heard, Say\n"
        "class Deadly(Agent):\n    @handles\n    def say(self, said: Say) -> Heard:\n        return Heard(text='')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    events = Happenings()
    async with Swarm(journal=tmp_path / "runs", plant=Plant(hosts=1), on_event=events) as swarm:
        swarm.add(__import__("deadly").Deadly)
        with pytest.raises(
            UsageError, match=r"no host came up: host host-1 was given up: .* more than 3 times in 60 s"
        ):
            await swarm.start()
        assert len(events.named("host_failed")) == 4


async def test_a_hung_host_is_replaced_and_what_it_does_when_it_wakes_counts_for_nothing(tmp_path, capfd):
    events = Happenings()
    door = tmp_path / "door"
    door.touch()
    async with Swarm(journal=tmp_path / "runs", plant=Plant(hosts=2), on_event=events) as swarm:
        swarm.add(Bystander)
        swarm.add(Diary)
        names = [f"diary/{n}" for n in range(8)]
        for name in names:
            await swarm.tell(name, Say(text="before"))
        turns = [
            asyncio.ensure_future(swarm.ask(f"bystander/{n}", Say(text=str(door)), reply=Heard, timeout_s=90))
            for n in range(8)
        ]
        hung = await pid_of(swarm, "host-1.1")
        os.kill(hung, signal.SIGSTOP)
        began = time.monotonic()
        door.unlink()
        for name in names:
            await swarm.tell(name, Say(text="meanwhile"))
        assert (await events.until("host_lost"))["host"] == "host-1.1"
        os.kill(hung, signal.SIGCONT)  # it finishes its turns now, and is not believed
        answers = await asyncio.gather(*turns)
        diaries = [(await swarm.ask(name, Heard(text=""), reply=Heard, timeout_s=60)).text for name in names]
        recovered = time.monotonic() - began
        assert {answer.n for answer in answers} == {1, 2}
        assert str(hung) not in {answer.text for answer in answers if answer.n == 2}
        assert set(diaries) == {"before,meanwhile"}
        assert [data["host"] for data in events.named("host_lost")] == ["host-1.1"]
    assert set(finished(swarm).values()) == {1}
    with capfd.disabled():
        print(f"a hung host: its work was done elsewhere after {recovered:.1f} s (bar: {BAR_S:g} s)")


async def test_a_flood_is_bounded_and_others_are_answered_meanwhile(tmp_path, capfd):
    many = 5_000
    async with Swarm(plant=Plant(hosts=2)) as swarm:
        swarm.add(Flood)
        swarm.add(Diary, mailbox=200)
        swarm.add(Echo)
        await swarm.start()
        flooding = asyncio.ensure_future(
            swarm.ask("flood/one", Say(text="diary/one", n=many), reply=Heard, timeout_s=120)
        )
        pings = []
        for number in range(20):
            began = time.monotonic()
            assert await swarm.processes()
            pings.append(time.monotonic() - began)
            assert (await swarm.ask(f"echo/{number}", Say(text="hi"), reply=Heard)).text == "hi!"
        assert (await flooding).text == "sent"
        async with asyncio.timeout(120):
            while (heard := await _recall(swarm)) is None:  # noqa: ASYNC110 - told to come later
                await asyncio.sleep(0.1)
        assert heard.n == many
        assert (await swarm.report()).dead_letters == {}
    with capfd.disabled():
        print(
            f"all processes said how they were in {1e3 * statistics.median(pings):.0f} ms, during a flood of {many:,}"
        )


async def test_a_stop_during_a_fault_wins(tmp_path):
    events, door = Happenings(), tmp_path / "door"
    door.touch()
    async with Swarm(journal=tmp_path / "runs", plant=Plant(hosts=2), on_event=events) as swarm:
        swarm.add(Bystander)
        await swarm.start()
        pids = [process["pid"] for process in (await swarm.processes()).values()]
        waiting = asyncio.ensure_future(swarm.ask("bystander/one", Say(text=str(door)), reply=Heard))
        victim = await pid_of(swarm, "host-1.1")
        await swarm.stop()
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(SwarmStopped):
            await waiting
        await events.until("host_lost")
        await asyncio.sleep(2)  # a successor would be here by now
        assert sorted(data["host"] for data in events.named("host_started")) == ["host-1.1", "host-2.1"]
    await gone(set(pids))


async def _recall(swarm: Swarm) -> Heard | None:
    try:
        return await swarm.ask("diary/one", Heard(text=""), reply=Heard, timeout_s=120)
    except MailboxFull:
        return None


async def gone(pids: set[int]) -> None:
    """Wait until processes have ended; Ray takes up to 5.3 s for it."""
    async with asyncio.timeout(20):
        while any(Path(f"/proc/{pid}").exists() for pid in pids):  # noqa: ASYNC110, ASYNC240 - no event tells
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.5])
async def test_a_swarm_that_is_closed_while_it_starts_leaves_nothing_behind(tmp_path, after_s: float):
    """The moment is not exact, and need not be: whichever it is, the end is the same."""
    async with Swarm(journal=tmp_path, plant=Plant(hosts=2)) as swarm:
        swarm.add(Echo)
        starting = asyncio.ensure_future(swarm.start())
        await asyncio.wait([starting], timeout=after_s)
        known = {said["pid"] for said in (await swarm.processes()).values()}
    (ended,) = await asyncio.wait_for(asyncio.gather(starting, return_exceptions=True), 60)
    assert ended is None or isinstance(ended, StigmergyError)
    for pid in known:
        await _gone(pid)


async def _gone(pid: int) -> None:
    async with asyncio.timeout(30):
        while _lives(pid):  # noqa: ASYNC110 - the end of somebody else's child is no event here
            await asyncio.sleep(0.1)


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
