"""Agents under fire. Each keeps the pid of the process in which its state was made: evidence of who committed it."""

from __future__ import annotations

import asyncio
import os

from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Context, State, handles

OPENING = 1_000
"""What an account begins with."""


class Transfer(Message):
    """Move money; ``op`` is the client's name for it."""

    op: str
    to: str
    amount: int


class Deposit(Message):
    """Money arrives."""

    amount: int


class Audit(Message):
    """Asks what there is."""


class Balance(Message):
    """What an account has, and how many messages made it so."""

    amount: int
    handled: int


class Purse(State):
    """An account's state."""

    balance: int = OPENING
    handled: int = 0
    pid: int = 0


class Account(Agent):
    """Holds money; takes its time, so that there is always work in flight."""

    state: Purse
    emits = [Deposit]

    @handles
    async def transfer(self, order: Transfer, ctx: Context) -> Balance:
        await asyncio.sleep(self.settings["pace_s"])
        self._touch(-order.amount)
        ctx.tell(order.to, Deposit(amount=order.amount))
        return Balance(amount=self.state.balance, handled=self.state.handled)

    @handles
    def deposit(self, deposit: Deposit, ctx: Context) -> None:
        self._touch(deposit.amount)

    @handles
    def audit(self, _: Audit, ctx: Context) -> Balance:
        return Balance(amount=self.state.balance, handled=self.state.handled)

    def _touch(self, amount: int) -> None:
        self.state.balance += amount
        self.state.handled += 1
        self.state.pid = os.getpid()


class Pay(Message):
    """A client's order to a teller."""

    op: str
    source: str
    to: str
    amount: int


class Teller(Agent):
    """Carries out a payment for a client, by asking the account that pays."""

    pool = 8
    emits = [Transfer]

    @handles
    async def pay(self, order: Pay, ctx: Context) -> Balance:
        transfer = Transfer(op=f"for {order.op}", to=order.to, amount=order.amount)
        return await ctx.ask(order.source, transfer, reply=Balance, timeout_s=60)


class Burst(Message):
    """Numbers to be sent on, one by one."""

    op: str
    first: int
    count: int


class Add(Message):
    """One number of one lane."""

    op: str
    lane: str
    number: int


class Tally(Message):
    """By lane: how many came, the last one, and how many came out of order."""

    lanes: dict[str, tuple[int, int, int]]


class Spout(Agent):
    """Sends numbers to the counter."""

    emits = [Add]

    @handles
    async def burst(self, burst: Burst, ctx: Context) -> None:
        await asyncio.sleep(self.settings["pace_s"])
        for number in range(burst.first, burst.first + burst.count):
            ctx.tell("counter/main", Add(op="", lane=str(ctx.me), number=number))


class Counts(State):
    """The counter's state."""

    lanes: dict[str, tuple[int, int, int]] = {}
    pid: int = 0


class Counter(Agent):
    """Everybody counts here."""

    state: Counts

    @handles
    def add(self, add: Add, ctx: Context) -> None:
        count, last, wrong = self.state.lanes.get(add.lane, (0, 0, 0))
        wrong += add.number != last + 1
        self.state.lanes = {**self.state.lanes, add.lane: (count + 1, add.number, wrong)}
        self.state.pid = os.getpid()

    @handles
    def audit(self, _: Audit, ctx: Context) -> Tally:
        return Tally(lanes=self.state.lanes)
