"""Prints how long a swarm takes from its start to the first reply, in seconds; run anew for each measurement."""

from __future__ import annotations

import asyncio
import sys
import time

from bench.load import TEXT
from stigmergy.protocols import Message
from stigmergy.runtime import Agent, Plant, Swarm, handles


class Question(Message):
    text: str


class Answer(Message):
    text: str


class Echo(Agent):
    """Gives back what it is asked."""

    @handles
    def echo(self, question: Question) -> Answer:
        return Answer(text=question.text)


async def main() -> None:
    began = time.perf_counter()
    async with Swarm(plant=Plant(engine="local")) as swarm:
        swarm.add(Echo)
        await swarm.ask("echo/1", Question(text=TEXT), reply=Answer)
        sys.stdout.write(f"{time.perf_counter() - began}\n")


if __name__ == "__main__":
    asyncio.run(main())
