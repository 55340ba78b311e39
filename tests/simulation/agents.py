"""The agents of the simulated swarm. Each keeps in its state what it did, for the oracle to read in the journal.

Their annotations are evaluated here, once, and not as text by every host that starts.
"""

import asyncio
from functools import cache

from stigmergy.protocols import Message
from stigmergy.protocols.kind import KindSpec
from stigmergy.runtime import Agent, Context, State, handles
from stigmergy.runtime.agent import describe

from .outside import Known, here, outside

OPENING = 100
LEASE_S = 4.0
INK = "ink"
"""A trail."""


class Do(Message):
    """Something to do, once."""

    op: int
    to: str = ""
    amount: int = 0
    raises: int = 0
    """On how many attempts the handler fails."""
    kills: int = 0
    """On how many attempts it ends its process."""


class Got(Message):
    """What came of it."""

    total: int


class Book(State):
    """What an agent did: ``op|sender|message|attempt|host``, in order."""

    balance: int = OPENING
    did: list[str] = []


class Doer(Agent):
    """Base of all: misbehaves as it is told, and keeps its book."""

    state: Book

    async def begin(self, do: Do, ctx: Context) -> None:
        """Wait a moment, and fail or die if the message says so."""
        if do.kills >= ctx.attempt:
            await asyncio.sleep(0.002)
            outside().kill()
        pause = outside().random.choice((0.0, 0.0, 0.0, 0.005, 0.1, 0.6))
        if pause:
            await asyncio.sleep(pause)
        if do.raises >= ctx.attempt:
            outside().struck["handler raised"] += 1
            raise ValueError(f"attempt {ctx.attempt}")

    async def recall(self, ctx: Context) -> None:
        """Take time before a question is asked that an earlier attempt may have asked: its answer may come first."""
        pause = outside().random.choice((0.0, 0.4, 1.0)) if ctx.attempt > 1 else 0.0
        if pause:
            await asyncio.sleep(pause)

    def note(self, do: Do, ctx: Context) -> Got:
        """Keep that it was done."""
        line = f"{do.op}|{ctx.sender}|{ctx.envelope.id}|{ctx.attempt}|{here().name}"
        self.state.did = [*self.state.did, line]
        return Got(total=len(self.state.did))


class Account(Doer):
    """Moves money: a message with a recipient takes it from here, and one without brings it."""

    @handles
    async def do(self, do: Do, ctx: Context) -> Got:
        await self.begin(do, ctx)
        self.state.balance += -do.amount if do.to else do.amount
        if do.to:
            ctx.tell(do.to, Do(op=do.op, amount=do.amount))
        return self.note(do, ctx)


class Relay(Doer):
    """Passes it on."""

    @handles
    async def do(self, do: Do, ctx: Context) -> None:
        await self.begin(do, ctx)
        ctx.tell(do.to, Do(op=do.op))


class Asker(Doer):
    """One of a pool: sends for something, and is told itself, by whoever brings it."""

    pool = 2

    @handles
    async def do(self, do: Do, ctx: Context) -> None:
        await self.begin(do, ctx)
        if do.to:
            ctx.tell(do.to, Do(op=do.op))
        self.note(do, ctx)


class Bringer(Doer):
    """Brings it to whoever sent for it."""

    @handles
    async def do(self, do: Do, ctx: Context) -> None:
        ctx.tell(ctx.sender, Do(op=do.op))
        self.note(do, ctx)


class Counter(Doer):
    """Where many relays come together."""

    @handles
    async def do(self, do: Do, ctx: Context) -> Got:
        await self.begin(do, ctx)
        return self.note(do, ctx)


class Chain(Doer):
    """Calls the provider, asks the next one, and adds up."""

    @handles
    async def do(self, do: Do, ctx: Context) -> Got:
        drawn = await called("draw", ctx)
        total = drawn
        if do.amount:
            lane, _, depth = ctx.me.key.partition(".")
            further = Do(op=do.op, amount=do.amount - 1, raises=do.raises)
            await self.recall(ctx)
            total += (await ctx.ask(f"chain/{lane}.{int(depth) + 1}", further, reply=Got)).total
        await self.begin(do, ctx)
        self.note(do, ctx)
        return Got(total=total)


class Writer(Doer):
    """Posts to a topic."""

    @handles
    async def do(self, do: Do, ctx: Context) -> None:
        await self.begin(do, ctx)
        ctx.post("news", Do(op=do.op))


class Reader(Doer):
    """Follows a topic."""

    @handles
    async def do(self, do: Do, ctx: Context) -> Got:
        if do.to:
            await ctx.follow(do.to)
            return Got(total=0)
        return self.note(do, ctx)


class Worker(Doer):
    """Takes an item, works on it, and finishes it."""

    @handles
    async def do(self, do: Do, ctx: Context) -> Got:
        claims = ctx.claims("jobs")
        claim = await claims.take(lease_s=LEASE_S)
        await self.begin(do, ctx)
        if claim is not None:
            await called(f"work:{claim.item}", ctx)
            await claims.complete(claim)
        return self.note(do, ctx)


class Thinker(Doer):
    """Asks a model."""

    pool = 3

    @handles
    async def do(self, do: Do, ctx: Context) -> Got:
        what = f"model:{ctx.envelope.id}"
        reply = await ctx.model("thinker", what, max_tokens=400, timeout_s=5.0)
        outside().log.append(Known(what, int(reply.text)))
        await self.begin(do, ctx)
        self.note(do, ctx)
        return Got(total=int(reply.text))


class Scribe(Doer):
    """Writes on the blackboard, at once and with its turn."""

    @handles
    async def do(self, do: Do, ctx: Context) -> Got:
        await ctx.trail(INK).define()
        await ctx.facts.put(f"draft/{do.op}", do.op)
        await self.begin(do, ctx)
        ctx.write(f"note/{do.op}", do.op)
        ctx.deposit(INK, {str(do.op): 1.0})
        return self.note(do, ctx)


class Reviewer(Doer):
    """Has a scribe write, and finds what it wrote."""

    @handles
    async def do(self, do: Do, ctx: Context) -> Got:
        await self.recall(ctx)
        await ctx.ask(do.to, Do(op=do.op), reply=Got)
        found = await ctx.facts.get(f"note/{do.op}")
        ink = await ctx.trail(INK).read([str(do.op)])
        await self.begin(do, ctx)
        self.note(do, ctx)
        return Got(total=int(found is not None and ink[str(do.op)] > 0))


async def called(name: str, ctx: Context) -> int:
    """A recorded call of the provider."""
    what = f"{name}:{ctx.envelope.id}"

    async def once() -> int:
        return await outside().call(what)

    value = await ctx.run(name.partition(":")[0], once)
    outside().log.append(Known(what, value))
    return int(value)


KINDS: dict[str, type[Agent]] = {
    "account": Account,
    "relay": Relay,
    "asker": Asker,
    "bringer": Bringer,
    "counter": Counter,
    "chain": Chain,
    "writer": Writer,
    "reader": Reader,
    "worker": Worker,
    "thinker": Thinker,
    "scribe": Scribe,
    "reviewer": Reviewer,
}


@cache
def spec_of(kind: str) -> KindSpec:
    """The kind, described once for all simulations."""
    return describe(KINDS[kind], __name__, {})
