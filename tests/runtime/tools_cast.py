"""Tools whose effects a test can see, and agents that use them. The witness is a file: one line per effect."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from pydantic import BaseModel

from stigmergy.protocols import Message
from stigmergy.protocols.errors import ToolError, ToolFailed
from stigmergy.runtime import Agent, AtMost, Context, State, Use, handles, tool


class Pay(BaseModel):
    witness: str
    usd: float = 1.0
    how: str = ""


class Receipt(BaseModel):
    number: int


class Order(Message):
    witness: str
    usd: float = 1.0
    how: str = ""
    tool: str = "credit"


class Paid(Message):
    text: str


class Count(State):
    n: int = 0


def effects(witness: str) -> list[str]:
    """What has happened outside."""
    path = Path(witness)
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def have_effect(call: Pay, key: str) -> Receipt:
    if call.how == "fails":
        raise ToolFailed("no such customer")
    with open(call.witness, "a", encoding="utf-8") as file:
        file.write(f"{key.partition(':')[2]} {call.usd:g}\n")
    if call.how == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if call.how == "hangs":
        time.sleep(0.3)
    if call.how == "breaks":
        raise ConnectionError("the line went dead")
    return Receipt(number=len(effects(call.witness)))


@tool("irreversible", timeout_s=5, marks="")
def credit(call: Pay, use: Use) -> Receipt:
    """Pays a customer back."""
    return have_effect(call, use.key)


@tool("idempotent", timeout_s=5, marks="")
def book(call: Pay, use: Use) -> Receipt:
    """Books a payment under its key."""
    return have_effect(call, use.key)


@tool("read", timeout_s=0.1)
async def look(call: Pay, use: Use) -> list[str]:
    """Looks at what was paid."""
    if call.how == "slow":
        await asyncio.sleep(60)
    return effects(call.witness)


@tool("irreversible")
def erase(call: Pay, use: Use) -> None:
    """Is on nobody's list."""


class Teller(Agent):
    """Uses the tool that it is told to use."""

    state: Count
    tools = [credit.allow(usd=AtMost(50), trust=["user"]), book, look]

    @handles
    async def pay(self, order: Order, ctx: Context) -> Paid:
        self.state.n += 1
        arguments = {"witness": order.witness, "usd": order.usd, "how": order.how}
        try:
            result = await ctx.tool(order.tool, arguments)
        except ToolError as why:
            return Paid(text=f"{type(why).__name__}: {why}")
        return Paid(text=f"{getattr(result, 'number', result)} of {self.state.n}")


@tool("irreversible", timeout_s=0.05, marks="")
def hasty(call: Pay, use: Use) -> Receipt:
    """Has no time."""
    return have_effect(call, use.key)


class Impatient(Agent):
    """Does not wait for the end, and takes no error for an answer."""

    turn_timeout_s = 1.0
    tools = [hasty, credit.allow(trust=["user"])]

    @handles
    async def pay(self, order: Order, ctx: Context) -> Paid:
        call = ctx.tool(order.tool, {"witness": order.witness, "how": "hangs"})
        try:
            await (asyncio.wait_for(call, 0.05) if order.how == "waits for" else call)
        except BaseException as why:  # noqa: BLE001 - that is what it is for
            return Paid(text=f"swallowed {type(why).__name__}")
        return Paid(text="it went on")


class Strict(Teller):
    """Needs a person for what comes from outside."""

    tools = [credit]
