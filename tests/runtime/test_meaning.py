"""What a journal's entries mean: by which names a turn that is continued knows what it has done.

A journal of before is continued only if all of these are as they were. Who changes one raises ``MEANING`` in
`actors/board/reopening.py`, so that such a journal is refused instead of misread.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from stigmergy.actors.board.reopening import MEANING
from stigmergy.actors.journal.sqlite import SqliteJournal
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, Use, handles, tool
from stigmergy.runtime.models import ModelRequest

from .town import Town, own_model

NAMES = [
    "ask:echo:Go@1:4555c12418db3f7a",
    "ask:echo:Go@1:02da9c31988a43ff",
    "model:m:980c27fe5a08ddc0540feb47f5ac595f",
    "run:outside",
    "read:price:086a618755672a82",
    "tool:book:086a618755672a82",
    "facts.get:a4bfe8e3d4fa75a9",
    "find:1ab92e372135892e",
    "act:claims.take:722600c132f02c76",
    "act:trails.deposit:91b3b8530e127fdc",
    "run:end",
]
"""Of the steps of one turn, as far as they are recorded, in order."""

ACTS = {
    "facts.write": "9:18dba5045ced28bc",
    "trails.deposit": "11:91b3b8530e127fdc",
    "claims.offer": "12:f922339402f7fda4",
}
"""Of what it does to the blackboard at once, behind the id of its turn."""


class Go(Message):
    words: frozenset[str] = frozenset({"some", "more", "words"})


class Done(Message):
    pass


class Call(BaseModel):
    usd: int


@tool("read")
def price(call: Call, _use: Use) -> Call:
    """Looks something up."""
    return call


@tool("idempotent")
def book(call: Call, _use: Use) -> Call:
    """Writes something down."""
    return call


class Echo(Agent):
    @handles
    def go(self, go: Go) -> Done:
        return Done()


class Doer(Agent):
    """Does one of everything."""

    tools = (price, book)

    @handles
    async def go(self, go: Go, ctx: Context) -> Done:
        await ctx.ask("echo", go, reply=Done)
        ctx.mark("web")
        await ctx.ask("echo", go, reply=Done)
        await ctx.model("m", "hello")
        await ctx.run("outside", lambda: 1)
        await ctx.tool(price, Call(usd=1))
        await ctx.tool(book, Call(usd=1))
        await ctx.facts.get("key")
        await ctx.find(tag="none")
        await ctx.claims("none").take()
        await ctx.facts.put("key", 1)
        await ctx.trail("path").define()
        await ctx.trail("path").deposit({"a": 1.0})
        await ctx.claims("queue").offer("item")
        await ctx.run("end", lambda: 1)
        return Done()


def brain(_request: ModelRequest) -> str:
    return "."


MODEL = own_model(brain)


async def test_a_turn_knows_what_it_has_done_by_the_names_of_this_meaning(tmp_path: Path):
    place = tmp_path / "journal.db"
    async with Town(Echo, Doer, journal=place, models={"m": MODEL}) as town:
        await town.ask("doer/1", Go(), Done)
    journal = SqliteJournal.open(place)
    entries = list(journal.read())
    journal.close()
    names: dict[int, str] = {}
    acts: dict[str, str] = {}
    for entry in entries:
        if "step" in entry.data:
            names[entry.data["step"][0]] = entry.data["step"][1]
        if entry.data.get("op", "").count(":") == 2:
            acts[entry.kind] = entry.data["op"].partition(":")[2]
    assert MEANING == 2
    assert list(names.values()) == NAMES
    assert acts == ACTS
