"""Resuming with a model's provider: what was paid for is not asked again."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_no_recorded_call_is_sent_twice_and_one_whose_answer_was_lost_is_counted_and_named(
    place, stigmergy, app, killed, monkeypatch
):
    words = ("run", app("thinker", THINKER), *RUN)
    with MessagesServer() as server:
        env = {"ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": "test-key-of-nobody"}
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        ran = stigmergy(*words)
        undisturbed = told(ran)
        assert undisturbed["nano_usd"] == server.books.nano_usd
        calls = [call.key for call in server.books.entries]
        history = entries(place, Path(json.loads(ran.out)["journal"]).name)
        settled = [entry.seq for entry in history if entry.kind == "ledger.settle"][2]
        recorded = [entry.seq for entry in history if entry.kind == "mail.step"][4]
        for at, lost in ((-settled, 1), (recorded, 0)):
            before = len(server.books.entries), server.books.nano_usd
            run = killed(at, *words, **env)
            resumed = told(stigmergy("resume", run, "--json", "--quiet"))
            sent, billed = [call.key for call in server.books.entries][before[0] :], server.books.nano_usd - before[1]
            assert sorted(sent) == sorted([*calls, *calls[2 : 2 + lost]])
            assert resumed["thoughts"] == undisturbed["thoughts"]
            assert resumed["calls"] == len(sent)
            assert resumed.get("forfeited_calls", 0) == lost
            assert resumed["nano_usd"] > billed if lost else resumed["nano_usd"] == billed
