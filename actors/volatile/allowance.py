"""Allowances: messages that the ledger has set aside for a host, counted down there.

A host may send what it holds and not one more, so the ledger's ceiling holds for the swarm however many
hosts there are. It sets aside one hundredth of what remains, so allowances shrink towards the ceiling,
and the last message is paid singly. Before it asks for more than remains, a host gives back what it
holds for other kinds, and has the other hosts do so; so the swarm stops exactly at its ceiling.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

from stigmergy.protocols.errors import BudgetExhausted, SwarmStopped

from ..ledger.paths import ROOT, ancestors

SHARE: Final = 100
"""A host sets aside one hundredth of what remains."""

MOST: Final = 1_000_000
"""Messages set aside at once when no ceiling is near."""

LEASE_S: Final = 3_600.0
"""A host that vanishes forfeits what it held after an hour."""

REMINDED_S: Final = 0.25
"""How long a host waits for its turn at the ledger before it reminds the others to give back."""

LedgerCall = Callable[..., Awaitable[Any]]
"""``await call(verb, ...)``, see `Treasury.request`."""


class Allowance:
    """What one account may still send from this host."""

    __slots__ = ("account", "granted", "left", "op")

    def __init__(self, account: str) -> None:
        self.account = account
        self.left = 0
        self.granted = 0
        self.op = ""
        """The reservation behind it; empty when there is none."""

    @property
    def used(self) -> int:
        """Messages of this grant that were sent."""
        return self.granted - self.left


class Purse:
    """The allowances of one host."""

    def __init__(self, host: str, call: LedgerCall) -> None:
        self._host = host
        self._call = call
        self._ops = 0
        self._known: dict[str, Allowance] = {}
        self.recall: Callable[[], Awaitable[Any]] | None = None
        """Has all other hosts give back what they hold, if there are any."""
        self._refilling = asyncio.Lock()
        self._unheard: set[asyncio.Future[Any]] = set()

    def of(self, account: str) -> Allowance:
        """The allowance of an account."""
        found = self._known.get(account)
        if found is None:
            found = self._known[account] = Allowance(account)
        return found

    async def refill(self, allowance: Allowance, wanted: int) -> None:
        """Get room for ``wanted`` messages at least. May wait until others have settled.

        Raises: BudgetExhausted; SwarmStopped when it is the swarm's own ceiling.
        """
        async with self._refilling:
            if allowance.left >= wanted:
                return
            await self._settle(allowance)
            remains = await self._remains(allowance.account)
            if remains < wanted * SHARE:
                await self.give_back()
                if self.recall is not None:
                    await self.recall()
                remains = await self._remains(allowance.account)
            count = max(wanted, int(min(MOST, remains / SHARE)))
            self._ops += 1
            op = f"{self._host}:messages:{self._ops}"
            try:
                await self._reserve(op, allowance.account, count)
            except BudgetExhausted as refusal:
                if refusal.account == ROOT:
                    raise SwarmStopped(str(refusal), "budget") from None
                raise
            allowance.op, allowance.granted, allowance.left = op, count, count

    async def give_back(self) -> None:
        """Settle everything at what was really sent."""
        for allowance in list(self._known.values()):
            await self._settle(allowance)

    async def _reserve(self, op: str, account: str, count: int) -> None:
        """Wait for the ledger. While it has others settle first, they are reminded. Who gives up waiting needs none."""
        reserved = asyncio.ensure_future(self._call("reserve", op, account, {"messages": count}, LEASE_S))
        try:
            while self.recall is not None:
                done, _ = await asyncio.wait([reserved], timeout=REMINDED_S)
                if done:
                    break
                await self.recall()
            await reserved
        except asyncio.CancelledError:
            reserved.cancel()
            self._see_to(reserved)
            self._see_to(asyncio.ensure_future(self._call("withdraw", op)))
            raise

    def _see_to(self, word: asyncio.Future[Any]) -> None:
        """Nobody waits for this word of the ledger."""
        self._unheard.add(word)
        word.add_done_callback(self._unheard.discard)
        word.add_done_callback(lambda word: word.cancelled() or word.exception())

    async def _settle(self, allowance: Allowance) -> None:
        if allowance.op:
            op, used = allowance.op, allowance.used
            allowance.op, allowance.granted, allowance.left = "", 0, 0
            await self._call("settle", op, {"messages": used} if used else {})

    async def _remains(self, account: str) -> float:
        least = math.inf
        for path in ancestors(account):
            at = await self._call("position", path)
            ceiling = at["ceiling"].get("messages", math.inf)
            least = min(least, ceiling - at["settled"].get("messages", 0) - at["reserved"].get("messages", 0))
        return least
