"""Dead letters that are put back are handled, once, in the same run or in the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stigmergy.protocols import HandlerFailed, Message, UsageError
from stigmergy.runtime import Agent, Context, State, handles

from .town import Town


class Job(Message):
    done: str
    """A file that must exist before the job can be done; what was done is written into it."""


class Count(State):
    n: int = 0


class Worker(Agent):
    """Does what it is told if it can."""

    attempts = 1
    state: Count

    @handles
    def work(self, job: Job, ctx: Context) -> Job:
        if not Path(job.done).exists():
            raise FileNotFoundError("not yet")
        self.state.n += 1
        Path(job.done).write_text(f"{self.state.n} for {ctx.sender}", encoding="utf-8")
        return job


async def fail(town: Town, done: Path) -> None:
    with pytest.raises(HandlerFailed, match="not yet"):
        await town.ask("worker/1", Job(done=str(done)), Job)


async def settled(town: Town) -> None:
    """Nothing is open any more. Every request lets the others run."""
    while (await town.request("counts"))["waiting"]:
        pass


async def test_a_dead_letter_is_handled_after_it_was_put_back_and_never_twice(tmp_path):
    done = tmp_path / "done"
    async with Town(Worker) as town:
        await fail(town, done)
        done.touch()
        (letter,) = await town.put_back()
        await settled(town)
        assert done.read_text() == "1 for client/main"
        assert await town.put_back() == {letter: "it was put back before"}
        assert await town.put_back(letter[:8]) == {letter: "it was put back before"}
        await settled(town)
        assert done.read_text() == "1 for client/main"


async def test_what_dies_again_is_a_dead_letter_of_its_own(tmp_path):
    done = tmp_path / "done"
    async with Town(Worker) as town:
        await fail(town, done)
        (first,) = await town.put_back()
        await settled(town)
        assert (await town.request("counts"))["dead_letters"] == {"handler failed": 2}
        done.touch()
        found = await town.put_back()
        assert found.pop(first) == "it was put back before"
        assert list(found.values()) == [""]
        await settled(town)
        assert done.read_text() == "1 for client/main"


async def test_it_is_remembered_when_the_run_goes_on(tmp_path):
    done, journal = tmp_path / "done", tmp_path / "journal.db"
    async with Town(Worker, journal=journal) as town:
        await fail(town, done)
        (letter,) = await town.put_back()
        await settled(town)
    done.touch()
    async with Town(Worker, journal=journal, driver="again") as town:
        found = await town.put_back()
        assert found[letter] == "it was put back before"
        assert len(found) == 2
        await settled(town)
    assert done.read_text() == "1 for client/main"


async def test_a_letter_that_is_not_there_is_told(tmp_path):
    async with Town(Worker) as town:
        assert await town.put_back() == {}
        with pytest.raises(UsageError, match="0 dead letters begin with 'x'"):
            await town.put_back("x")
