"""A swarm that is closed ends, tells whoever waits for it, and leaves no call of a tool in doubt that had begun."""

from __future__ import annotations

import asyncio
from functools import partialmethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stigmergy.actors.board.service import BoardService
from stigmergy.actors.host.host import HostService
from stigmergy.actors.transport.cluster import Cluster
from stigmergy.actors.transport.spares import Spares
from stigmergy.protocols.errors import DeadlineExceeded, StigmergyError, UsageError
from stigmergy.runtime import Plant, Swarm
from stigmergy.runtime.app import Outcome
from stigmergy.runtime.cli.approve import approve
from stigmergy.runtime.cli.finding import opened
from stigmergy.runtime.cli.performance import perform
from stigmergy.runtime.closing import in_turn, together
from stigmergy.runtime.engines import LocalEngine, RayEngine
from stigmergy.runtime.life import Life
from stigmergy.runtime.run_folder import RunFolder
from stigmergy.runtime.tenure import driver_of
from tests.runtime.cast import Echo, Heard, Say
from tests.runtime.tools_cast import Order, Paid, Strict, Teller, effects
from tests.runtime.town import Town


@pytest.mark.parametrize("turns_of_the_loop", [0, 1, 2, 3, 5, 8, 13, 21, 34, 1_000])
async def test_a_swarm_can_be_closed_at_any_moment_of_its_start(turns_of_the_loop):
    async with Swarm(engine="local") as swarm:
        swarm.add(Echo)
        starting = asyncio.ensure_future(swarm.start())
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        if turns_of_the_loop == 1_000:
            await starting
    (ended,) = await asyncio.wait_for(asyncio.gather(starting, return_exceptions=True), 10)
    assert ended is None or isinstance(ended, StigmergyError)


@pytest.mark.parametrize("tool", ["credit", "book"])
async def test_a_call_that_has_begun_when_its_host_closes_ends_and_is_recorded(tmp_path, tool):
    witness, journal = tmp_path / "effects", tmp_path / "journal.db"
    async with Town(Teller, journal=journal) as town:
        answer = town.begin("teller/1", Order(witness=str(witness), how="hangs", tool=tool), Paid)
        async with asyncio.timeout(10):
            while not witness.exists():
                await town.request("counts")
    await asyncio.gather(answer, return_exceptions=True)
    async with Town(Teller, journal=journal, driver="next") as town:
        assert await town.cases() == []
        await town.ask("teller/1", Order(witness=str(witness), usd=2), Paid)
    assert [line.split()[1] for line in effects(str(witness))] == ["1", "2"]


async def ask_strict(swarm: Swarm, witness: str) -> None:
    """A program that ends with the error of its only question."""
    async with swarm:
        swarm.add(Strict)
        await swarm.ask("strict/1", Order(witness=witness, how="hangs"), reply=Paid, timeout_s=0.2)


async def test_a_resumed_run_sees_an_approved_call_through_though_its_asker_has_given_up(tmp_path):
    witness, events = str(tmp_path / "effects"), list[tuple[str, dict[str, Any]]]()
    swarm = Swarm(engine="local", journal=tmp_path, on_event=lambda event, data: events.append((event, data)))
    with pytest.raises(DeadlineExceeded):
        await ask_strict(swarm, witness)
    folder, case = swarm.folder, dict(events)["case"]
    assert folder is not None
    birth = folder.read("run.json")["birth"]
    assert await asyncio.to_thread(approve, [str(folder.path), case["id"], "--do"]) == 0
    with pytest.raises(DeadlineExceeded):
        await ask_strict(Swarm.resume(folder.path), witness)
    assert len(effects(witness)) == 1
    with opened(folder, intact=False) as journal:
        steps = [entry.data["step"] for entry in journal.read(kinds="mail.step") if entry.kind == "mail.step"]
        ended = [entry.data["id"] for entry in journal.read(kinds="mail.") if entry.kind == "mail.done"]
    assert steps[-1][2:] == [{"number": 1}]
    assert [step[2]["key"] for step in steps[:-1]] == [case["key"]] * 2
    assert ended == [case["id"]]
    assert folder.read("run.json")["birth"] == birth


async def key_and_digest(tmp_path: Path, *, kept: bool) -> tuple[str, str]:
    case: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def heard(event: str, data: dict[str, Any]) -> None:
        if event == "case":
            case.set_result(data)

    async with Swarm(engine="local", journal=tmp_path if kept else None, seed=7, on_event=heard) as swarm:
        swarm.add(Strict)
        await swarm.tell("strict/1", Order(witness="nobody"))
        key = (await asyncio.wait_for(case, 10))["key"]
        return key, (await swarm.counts())["digest"]


async def test_runs_with_one_seed_have_one_digest_and_no_key_in_common(tmp_path):
    keys, digests = zip(*[await key_and_digest(tmp_path, kept=kept) for kept in (True, True, False)], strict=True)
    assert len(set(keys)) == 3
    assert len(set(digests)) == 1


class Full(OSError):
    """What a disk says."""


async def test_whatever_fails_to_close_everything_else_is_closed_and_the_error_told(tmp_path, monkeypatch):
    ended: list[str] = []

    async def full(service, close):
        ended.append(type(service).__name__)
        await close(service)
        raise Full("no room")

    async def stop(_):
        ended.append("engine")

    for service in (HostService, BoardService):
        monkeypatch.setattr(service, "close", partialmethod(full, service.close))
    monkeypatch.setattr(LocalEngine, "stop", stop)
    swarm = Swarm(plant=Plant(engine="local", hosts=2), journal=tmp_path)
    with pytest.raises(Full, match="no room"):
        async with swarm:
            swarm.add(Echo)
            await swarm.start()
    assert ended == ["HostService", "HostService", "BoardService", "engine"]
    assert swarm.folder is not None
    assert swarm.folder is not None
    assert driver_of(swarm.folder) == ""
    assert swarm.folder.read("run.json")["stop_reason"] == "done"


@pytest.mark.parametrize("error", [Full("no room"), asyncio.CancelledError("enough")])
async def test_a_swarm_that_cannot_tell_its_figures_is_closed_all_the_same_and_the_error_told(
    error, tmp_path, monkeypatch
):
    async def report(_):
        raise error

    swarm = Swarm(plant=Plant(engine="local", hosts=2), journal=tmp_path)
    with pytest.raises(type(error), match=str(error)):
        async with swarm:
            swarm.add(Echo)
            await swarm.ask("echo/1", Say(text="a"), reply=Heard)
            monkeypatch.setattr(Life, "report", report)
    monkeypatch.undo()
    assert swarm.folder is not None
    assert swarm.folder is not None
    assert driver_of(swarm.folder) == ""
    with opened(swarm.folder, intact=True) as journal:
        assert [entry.kind for entry in journal.read(kinds="mail.done")] == ["mail.done"]
    assert await swarm.processes() == {}
    assert (await swarm.report()).messages == 2


async def test_a_swarm_is_closed_though_what_it_was_to_finish_cannot_be(tmp_path, monkeypatch):
    async def finish(_):
        raise Full("no room")

    async with Swarm(engine="local", journal=tmp_path) as swarm:
        swarm.add(Echo)
        await swarm.ask("echo/1", Say(text="a"), reply=Heard)
    assert swarm.folder is not None
    again = Swarm(engine="local", journal=tmp_path)
    again.go_on(swarm.folder, to_the_end=True)
    monkeypatch.setattr(Swarm, "finish", finish)
    with pytest.raises(Full, match="no room"):
        async with again:
            again.add(Echo)
    assert swarm.folder is not None
    assert driver_of(swarm.folder) == ""
    assert swarm.folder.read("run.json")["stop_reason"] == "failure"


async def test_a_command_closes_all_its_swarms_though_one_cannot_be(monkeypatch):
    closed: list[str] = []

    class One:
        def __init__(self, name: str) -> None:
            self.name = name

        async def close(self) -> None:
            closed.append(self.name)
            if self.name == "first":
                raise Full("no room")

    async def main(*_: Any) -> Outcome:
        return Outcome({}, ())

    class Quiet:
        def __getattr__(self, _: str) -> Any:
            return lambda *_: None

    nothing = Quiet()
    plain = SimpleNamespace(budget=None, journal=None, plant=Plant(), seed=0, options=None)
    choices = SimpleNamespace(**vars(plain), app=SimpleNamespace(name="app", main=main))
    records = SimpleNamespace(swarms=[One("first"), One("second")], add=print)
    with pytest.raises(Full, match="no room"):
        await perform(cast("Any", choices), cast("Any", records), cast("Any", nothing), print)
    assert closed == ["first", "second"]


async def test_an_engine_leaves_ray_though_its_spares_cannot_be_ended(monkeypatch):
    left: list[str] = []

    def fail(_):
        raise Full("no room")

    monkeypatch.setattr(Spares, "close", fail)
    monkeypatch.setattr(Cluster, "stop", lambda _: left.append("ray"))
    with pytest.raises(Full):
        await RayEngine().stop()
    assert left == ["ray"]


def test_an_engine_that_there_is_not_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="steam"):
        Swarm(engine=cast(Any, "steam"), journal=tmp_path)
    assert not list(tmp_path.iterdir())


async def test_a_swarm_whose_engine_does_not_start_lets_its_run_go(tmp_path, monkeypatch):
    async def start(_):
        raise UsageError("no steam")

    monkeypatch.setattr(LocalEngine, "start", start)
    swarm = Swarm(engine="local", journal=tmp_path)
    with pytest.raises(UsageError, match="no steam"):
        async with swarm:
            pass
    assert swarm.folder is not None
    assert driver_of(swarm.folder) == ""
    assert swarm.folder.read("run.json")["stop_reason"] == "failure"


async def test_a_run_whose_record_finds_no_room_is_let_go(tmp_path, monkeypatch):
    async with Swarm(engine="local", journal=tmp_path) as swarm:
        pass

    def full(*_):
        raise Full("no room")

    assert swarm.folder is not None
    with monkeypatch.context() as disk, pytest.raises(Full):
        disk.setattr(RunFolder, "write", full)
        async with Swarm.resume(swarm.folder.path):
            pass
    assert driver_of(swarm.folder) == ""


@pytest.mark.parametrize("close", [in_turn, lambda *ends: together(*(end() for end in ends))])
async def test_who_cancels_what_closes_is_heard_whatever_went_wrong_before(close):
    async def fails():
        raise ValueError("a disk")

    async def is_cancelled():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError) as raised:
        await close(fails, is_cancelled)
    assert raised.value.__notes__ == ["and while other things were closed: ValueError: a disk"]
