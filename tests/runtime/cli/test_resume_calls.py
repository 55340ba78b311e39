"""Resuming with a model's provider: what was paid for is not asked again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stigmergy.actors.journal import SqliteJournal
from stigmergy.runtime.testing.messages_server import MessagesServer

from .killing import RUN, entries, told
from .samples import START

THINKER = (
    START
    + """
class Job(Message):
    n: int

class Thought(Message):
    text: str

class Thinker(Agent):
    @handles
    async def think(self, job: Job, ctx: Context) -> Thought:
        first = await ctx.model("writer", f"What of {job.n}?")
        return Thought(text=(await ctx.model("writer", f"And then? {first.text}")).text)

class Jobs(Options):
    jobs: int = 4

async def main(options, stage):
    async with stage.swarm(models={"writer": ModelSpec("claude-haiku-4-5")}) as swarm:
        swarm.add(Thinker)
        thoughts = [(await swarm.ask("thinker", Job(n=n), reply=Thought)).text for n in range(options.jobs)]
        report = await swarm.report()
        return Outcome({"thoughts": thoughts, "calls": report.model_calls, "nano_usd": round(report.usd * 1e9)})

app = App(name="thinker", summary="Thinks", options=Jobs, main=main)
"""
)


@contextmanager
def deaths(place: Path, seen: Callable[[], int]) -> Iterator[dict[int, tuple[Path, int]]]:
    """What a process would leave that died before it wrote on after so many entries: copies, and what was seen then."""
    left: dict[int, tuple[Path, int]] = {}
    append = SqliteJournal.append

    def copy_and_append(journal: SqliteJournal, *written: Any) -> int:
        last = journal.last_seq
        left[last] = shutil.copytree(place / "runs", place / f"after {last}"), seen()
        return append(journal, *written)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteJournal, "append", copy_and_append)
        yield left


def test_no_recorded_call_is_sent_twice_and_one_whose_answer_was_lost_is_counted_and_named(
    place, stigmergy, app, monkeypatch
):
    with MessagesServer() as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key-of-nobody")
        with deaths(place, lambda: len(server.books.entries)) as died:
            ran = stigmergy("run", app("thinker", THINKER), *RUN)
        undisturbed, calls = told(ran), list(server.books.entries)
        assert undisturbed["nano_usd"] == server.books.nano_usd
        run = Path(json.loads(ran.out)["journal"]).name
        history = entries(place, run)
        settled = [entry.seq for entry in history if entry.kind == "ledger.settle"][2]
        recorded = [entry.seq for entry in history if entry.kind == "mail.step"][4]
        before = max(last for last in died if last < settled)
        after = min(last for last in died if last >= recorded)
        for last, lost in ((before, 1), (after, 0)):
            left, sent_before = died[last]
            shutil.rmtree(place / "runs")
            left.rename(place / "runs")
            known = len(server.books.entries)
            resumed = told(stigmergy("resume", run, "--json", "--quiet"))
            sent = [*calls[:sent_before], *server.books.entries[known:]]
            billed = sum(call.nano_usd for call in sent)
            assert sorted(call.key for call in sent) == sorted(call.key for call in [*calls, *calls[2 : 2 + lost]])
            assert resumed["thoughts"] == undisturbed["thoughts"]
            assert resumed["calls"] == len(sent)
            assert resumed.get("forfeited_calls", 0) == lost
            assert resumed["nano_usd"] > billed if lost else resumed["nano_usd"] == billed
