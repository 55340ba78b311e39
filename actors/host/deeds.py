"""Deeds: calls of tools, with a durable record of the intention before the effect.

Before a tool that changes something runs, an ``intended`` step is durable; afterwards its result takes
the step's place. So whoever finds an intention without a result knows that the effect is in doubt: what
may be repeated is called again under the same key, the rest waits for a person (`actors.board.cases`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from stigmergy.protocols.budget import Spend
from stigmergy.protocols.errors import StigmergyError, ToolFailed, TurnOver, pack
from stigmergy.protocols.ids import AgentId, derive_id
from stigmergy.protocols.turn import APPROVED, FAILED, INTENDED, TRIED, WANTED, Effect

from ..ledger.paths import agent_account
from .desk import Desk
from .road import NOT_OURS, Taken, recalled

ONE_CALL: Final = Spend(tool_calls=1)

LEASE_MARGIN_S: Final = 30.0
"""How much longer than the tool's own deadline its reservation lasts."""


class Deed(NamedTuple):
    """One call of a tool."""

    tool: str
    effect: Effect
    arguments: dict[str, Any]
    marks: tuple[str, ...]
    """Marks of the context because of which a person must agree; empty when nobody has to."""
    timeout_s: float
    birth: str
    """Names the run to the outside world."""

    @property
    def step(self) -> str:
        """Name of its step: a replay must come to the same tool with the same arguments."""
        canonical = json.dumps(self.arguments, sort_keys=True, separators=(",", ":"))
        what = "read" if self.effect == "read" else "tool"
        return f"{what}:{self.tool}:{blake2b(canonical.encode(), digest_size=8).hexdigest()}"

    def key(self, turn: str, number: int) -> str:
        """Its idempotency key: no other run has it, though ids of turns follow from the seed."""
        return f"{derive_id(self.birth, turn)}:{number}"

    def to_plain(self, key: str) -> dict[str, Any]:
        """What a person needs to know to decide."""
        return {
            "tool": self.tool,
            "effect": self.effect,
            "arguments": self.arguments,
            "marks": list(self.marks),
            "key": key,
        }


Call = Callable[[str], Awaitable[Any]]
"""Runs the tool under an idempotency key; its result is plain data."""


async def carry_out(desk: Desk, deed: Deed, call: Call) -> Any:
    """The result of a call, or the recorded one. May hold the turn for a person.

    Raises: BudgetExhausted, ToolError, StepFailed, NonDeterministic.
    """
    taken = desk.road.take(deed.step)
    known = taken.known
    if known is not None and known.outcome == TRIED:
        known = None  # as in the attempt before, and so under the same key
    if known is not None and known.outcome not in {INTENDED, WANTED, APPROVED}:
        return await recalled(known)
    key = deed.key(desk.turn, taken.number) if known is None else known.result["key"]
    if known is not None and known.in_doubt:
        desk.hold()
    if deed.effect == "irreversible" and deed.marks and known is None:
        await desk.record(taken, deed.to_plain(key), WANTED)
        desk.hold()
    async with _paid(desk, taken, deed):
        if deed.effect == "read":
            return await _repeatable(desk, taken, call(key))
        await desk.underway.admit()
        with desk.calling():
            intended = deed.to_plain(key)
            await desk.record(taken, intended, INTENDED)
            if deed.effect == "irreversible":
                return await _once(desk, taken, intended, call(key))
            try:
                return await _repeatable(desk, taken, call(key))
            except ToolFailed:
                await desk.catch_up()  # or the intention would be all that is known of it
                raise


async def _repeatable(desk: Desk, taken: Taken, effect: Awaitable[Any]) -> Any:
    """Run what may run again."""
    with desk.road.noted(taken):
        result = await effect
        await desk.record(taken, result)
    return result


async def _once(desk: Desk, taken: Taken, intended: dict[str, Any], effect: Awaitable[Any]) -> Any:
    """Run what may run once. Whatever does not say that nothing happened leaves the turn in doubt."""
    try:
        result = await effect
        await desk.record(taken, result)
    except ToolFailed as error:
        await desk.record(taken, list(pack(error)), FAILED)
        raise
    except (*NOT_OURS, TurnOver):
        raise
    except asyncio.CancelledError:
        desk.held = True
        raise
    except Exception as error:  # noqa: BLE001 - after any of them the effect may have been had
        await desk.record(taken, {**intended, "error": f"{type(error).__name__}: {error}"}, INTENDED)
        desk.hold()
    return result


@asynccontextmanager
async def _paid(desk: Desk, taken: Taken, deed: Deed) -> AsyncIterator[None]:
    """Reserve one tool call before, and book it after; a process that dies between the two forfeits it."""
    delivery = desk.delivery
    account = agent_account(AgentId.parse(delivery.agent), conversation=delivery.envelope.conversation)
    # Another attempt is another call for the ledger.
    op = derive_id(desk.turn, taken.number, desk.attempt, desk.host, "tool")
    with desk.road.noted(taken):
        desk.road.check(taken)
        await desk.ledger("reserve", op, account, ONE_CALL.to_plain(), deed.timeout_s + LEASE_MARGIN_S)
    try:
        yield
    finally:
        with suppress(StigmergyError):
            await desk.ledger("settle", op, ONE_CALL.to_plain())
