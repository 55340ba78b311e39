"""Our agents for durable work under full load: posts, turns that change state, and how long a commit takes."""

from __future__ import annotations

import time

from bench.agents import ROOMY, Baton, Order, Report
from bench.load import HOPS, LONG_TEXT, POSTS_A_TURN, RUNNERS
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, State, handles

COUNTER = "counter/all"


class Note(Message):
    text: str
    n: int


class Legs(State):
    run: int = 0


class Latencies(Message):
    ms: list[float]


class Probe(Message):
    seconds: float


class Press(Agent):
    """Posts as many notes as fit in a turn."""

    mailbox = ROOMY

    @handles
    def post(self, order: Order, ctx: Context) -> None:
        for number in range(order.first, order.first + POSTS_A_TURN):
            ctx.post("bench.notes", Note(text=LONG_TEXT, n=number))
        ctx.tell(COUNTER, Report(count=POSTS_A_TURN))


class Runner(Agent):
    """Counts its legs, and passes the baton on."""

    mailbox = ROOMY
    state: Legs

    @handles
    def run(self, baton: Baton, ctx: Context) -> None:
        self.state.run += 1
        if baton.left == 1:
            ctx.tell(COUNTER, Report(count=HOPS))
        else:
            following = (int(ctx.me.key) + 1) % RUNNERS
            ctx.tell(f"runner/{following}", Baton(text=baton.text, left=baton.left - 1, n=baton.n))


class Prober(Agent):
    """Commits one small thing after another, and says how long each took."""

    @handles
    async def probe(self, wish: Probe, ctx: Context) -> Latencies:
        found: list[float] = []
        until = time.perf_counter() + wish.seconds
        while (began := time.perf_counter()) < until:
            await ctx.run("probe", _nothing)
            found.append(1_000 * (time.perf_counter() - began))
        return Latencies(ms=found)


async def _nothing() -> None:
    return None
