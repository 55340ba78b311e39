"""Agents that harm their own process, and agents that would notice."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
from pathlib import Path

from stigmergy.runtime import Agent, Context, handles
from tests.runtime.cast import Heard, Say


class Poison(Agent):
    """Does to its process what the message says."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        match said.text:
            case "raise":
                raise RuntimeError("poison")
            case "exit":
                os._exit(1)
            case "segfault":
                ctypes.string_at(0)
            case "overflow":
                _overflow()
            case "killed":  # what the kernel does to whoever takes the last memory
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                while True:
                    pass
            case "fork":
                child = os.fork()
                if not child:
                    signal.pause()
                return Heard(text=str(child), n=os.getpid())
            case "memory":
                _take_more_memory_than_allowed()
        return Heard(text="harmless", n=os.getpid())


class Bystander(Agent):
    """Stays in its turn while a file is there, and says how often the turn was begun."""

    @handles
    async def say(self, said: Say, ctx: Context) -> Heard:
        while Path(said.text).exists():  # noqa: ASYNC110, ASYNC240 - another process removes it
            await asyncio.sleep(0.05)
        return Heard(text=str(os.getpid()), n=ctx.attempt)


class StillBorn(Agent):
    """Its process dies when the agent is made."""

    def __init__(self) -> None:
        os._exit(1)

    @handles
    def say(self, said: Say, ctx: Context) -> Heard:
        return Heard(text="?")


class Flood(Agent):
    """Tells many things to one agent."""

    @handles
    def say(self, said: Say, ctx: Context) -> Heard:
        for number in range(said.n):
            ctx.tell(said.text, Say(text=str(number)))
        return Heard(text="sent")


def _overflow() -> None:
    """Nest C calls until the C stack ends; Python's own limit counts only its own frames."""
    nested: tuple[object, ...] = ()
    for _ in range(1_000_000):
        nested = (nested,)
    hash(nested)


def _take_more_memory_than_allowed() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, hard))
    try:
        bytearray(2**30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class Clockwork(Agent):
    """Says which event loop it runs on."""

    @handles
    async def say(self, said: Say) -> Heard:
        return Heard(text=f"{said.text} {type(asyncio.get_running_loop()).__module__}")
