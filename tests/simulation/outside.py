"""The world outside the swarm, as its agents reach it: a provider that bills, a power switch, and a log of both.

The rule of this file: what is logged here was seen from outside, and owes nothing to the board.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from random import Random
from typing import NamedTuple, NoReturn, cast

from stigmergy.protocols.errors import ModelUnavailable
from stigmergy.runtime.models import Chunk, Model, ModelReply, ModelRequest
from stigmergy.runtime.models.port import TextPart, Usage

from .loop import ProcessLoop


class Called(NamedTuple):
    """The provider was called: ``what`` names the call, the same on every attempt of its turn."""

    what: str
    host: str
    value: int
    op: str = ""
    """The ledger's name for it, when it was paid for."""


class Known(NamedTuple):
    """A turn has been given the result of that call, so by contract it is recorded."""

    what: str
    value: int


class Durable(NamedTuple):
    """The disk of a shard holds its journal up to this entry."""

    seq: int
    shard: int
    at: float
    """Virtual seconds at which that was so."""


class Outside:
    """What the agents of one simulated swarm can reach."""

    def __init__(self, random: Random, struck: Counter[str]) -> None:
        self.random = random
        self.struck = struck
        self.log: list[Called | Known | Durable] = []
        self.model: Model = Provider(self)

    async def call(self, what: str) -> int:
        """Something that must not be done again once its result is recorded."""
        value = self.random.randrange(1_000)
        self.log.append(Called(what, here().name, value))
        await asyncio.sleep(self.random.choice((0.0, 0.01, 0.3)))
        return value

    def kill(self) -> NoReturn:
        """What a handler does that ends its process."""
        self.struck["poison"] += 1
        here().die()


class Provider:
    """A `Model` that bills at least what it said, sometimes fails, and is sometimes slow."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def complete(self, request: ModelRequest) -> ModelReply:
        outside = self._outside
        usage = Usage(input=outside.random.randrange(100, 900), output=outside.random.randrange(1, request.max_tokens))
        what = request.messages[-1].text
        outside.log.append(Called(what, here().name, usage.tokens, request.call_id))
        await asyncio.sleep(outside.random.choice((0.05, 0.5, 2.0)))
        if outside.random.random() < 0.1:
            outside.struck["provider failed"] += 1
            raise ModelUnavailable("the simulated provider is overloaded")
        said = TextPart(text=str(usage.tokens))
        return ModelReply(parts=(said,), stop_reason="end_turn", usage=usage, model=request.model)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        reply = await self.complete(request)
        yield Chunk(reply.text, reply)

    async def count_tokens(self, request: ModelRequest) -> int:
        return len(request.messages[-1].text)

    async def aclose(self) -> None:
        return


def here() -> ProcessLoop:
    """The simulated process that runs this."""
    return cast(ProcessLoop, asyncio.get_running_loop())


def outside() -> Outside:
    """The world outside of it."""
    return cast(Outside, here().lab)


def provider(_settings: object) -> Model:
    """The factory that a `ModelSpec` names."""
    return outside().model
