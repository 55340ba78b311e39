"""A model whose calls are paid from the ledger: reserved at their worst before, settled after.

The rule of this file: no request leaves before its worst case is reserved, and a reservation is given
back only when the call certainly cost nothing. What may have been billed is left alone; the ledger
forfeits it when its lease ends. A cancelled call and a dropped stream count as that.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from stigmergy.protocols.budget import Spend
from stigmergy.protocols.errors import LedgerUnreachable, ModelError, UsageError

from .failures import cost_of
from .port import Chunk, Model, ModelReply, ModelRequest, Opaque, Usage
from .prices import Prices

COUNT_MARGIN: Final = 0.02
COUNT_SLACK: Final = 16
"""Tokens. Anthropic calls its count an estimate that may differ by a small amount; 2 % and 16 cover that."""

PROMPT_OVERHEAD: Final = 1_024
"""Tokens that a provider may add for tools, schemas and framing; Anthropic's table of tool prompts goes to 530."""


class LedgerPort(Protocol):
    """The budget watchdog's books, as this file needs them. ``op`` names one call for ever."""

    async def reserve(self, op: str, account: str, worst: Spend) -> None:
        """Hold the worst case on the account and all above it. Raises: BudgetExhausted, LedgerUnreachable."""
        ...

    async def settle(self, op: str, actual: Spend) -> None:
        """Book what was used and give back the rest. Raises: LedgerUnreachable."""
        ...

    async def release(self, op: str) -> None:
        """Give everything back: nothing was used. Raises: LedgerUnreachable."""
        ...


@dataclass(frozen=True, slots=True)
class Purse:
    """Who pays for the calls of a `MeteredModel`, and at which prices."""

    ledger: LedgerPort
    account: str
    prices: Prices
    next_op: Callable[[], str]
    """Names a call whose request has no ``call_id``. A turn that is tried again must get new names: what its
    first try did may have been billed, and one reservation pays for one call."""


class MeteredModel:
    """A `Model` that pays before it asks.

    ``count="exact"`` lets the provider count the input first, which costs a round trip and no money;
    ``"bytes"`` takes the size of the request in bytes for it, since no token is shorter, and so reserves
    about four times the input.
    """

    def __init__(self, model: Model, purse: Purse, *, count: Literal["exact", "bytes"] = "exact") -> None:
        self._model = model
        self._purse = purse
        self._count = count

    async def complete(self, request: ModelRequest) -> ModelReply:
        """A paid answer. Raises: ModelError, BudgetExhausted, UnknownPrice, LedgerUnreachable."""
        async with self._reserved(request) as named:
            reply = await self._model.complete(named)
        await self._settle(named, reply.usage)
        return reply

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """A paid answer as it comes. Raises: ModelError, BudgetExhausted, UnknownPrice, LedgerUnreachable."""
        async with self._reserved(request) as named, aclosing(self._model.stream(named)) as chunks:
            async for chunk in chunks:
                if chunk.reply is not None:
                    await self._settle(named, chunk.reply.usage)
                yield chunk

    async def count_tokens(self, request: ModelRequest) -> int:
        """Input tokens of a request; free. Raises: ModelUnavailable, ModelRefused."""
        return await self._model.count_tokens(request)

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()

    @asynccontextmanager
    async def _reserved(self, request: ModelRequest) -> AsyncIterator[ModelRequest]:
        purse = self._purse
        named = request if request.call_id else request.model_copy(update={"call_id": purse.next_op()})
        purse.prices.of(named.model)  # an unknown price is told before anything is sent, a count included
        input_tokens = await self._most_input(named)
        worst = spend(purse.prices.worst_case(named, input_tokens), input_tokens + named.max_tokens)
        await purse.ledger.reserve(named.call_id, purse.account, worst)
        try:
            yield named
        except (ModelError, UsageError) as error:
            cost = cost_of(error)
            if cost.usage is not None:
                await self._settle(named, cost.usage)
            elif cost.outcome == "unspent":
                with suppress(LedgerUnreachable):
                    await purse.ledger.release(named.call_id)
            raise

    async def _most_input(self, request: ModelRequest) -> int:
        # What stands behind an opaque block, say the address of a picture, has more tokens than the block has bytes.
        sealed = any(isinstance(part, Opaque) for message in request.messages for part in message.parts)
        if self._count == "bytes" and not sealed:
            return len(request.model_dump_json().encode()) + PROMPT_OVERHEAD
        counted = await self._model.count_tokens(request)
        return math.ceil(counted * (1 + COUNT_MARGIN)) + COUNT_SLACK

    async def _settle(self, request: ModelRequest, usage: Usage) -> None:
        """Book a paid call. With the ledger out of reach the answer stands: its reservation forfeits, which is more."""
        actual = spend(self._purse.prices.cost(request.model, usage), usage.tokens)
        with suppress(LedgerUnreachable):
            await self._purse.ledger.settle(request.call_id, actual)


def spend(nano_usd: int, tokens: int) -> Spend:
    """What one model call takes from a budget."""
    return Spend.from_plain({"nano_usd": nano_usd, "tokens": tokens, "model_calls": 1})
