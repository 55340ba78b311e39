"""Prints how long autogen-core takes from a new runtime to the first reply, in seconds."""

# mypy: disable-error-code="import-not-found,misc,untyped-decorator"
# ruff: noqa: ARG002 - a handler there must have parameters of just these names

from __future__ import annotations

import asyncio
import sys
import time

from autogen_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
from opentelemetry.trace import NoOpTracerProvider
from pydantic import BaseModel

from bench.load import TEXT


class Question(BaseModel):
    text: str


class Answer(BaseModel):
    text: str


class Echo(RoutedAgent):
    @message_handler
    async def echo(self, message: Question, ctx: MessageContext) -> Answer:
        return Answer(text=message.text)


async def main() -> None:
    began = time.perf_counter()
    runtime = SingleThreadedAgentRuntime(tracer_provider=NoOpTracerProvider())
    await Echo.register(runtime, "echo", lambda: Echo("Gives back what it is asked."))
    runtime.start()
    await runtime.send_message(Question(text=TEXT), AgentId("echo", "1"))
    sys.stdout.write(f"{time.perf_counter() - began}\n")
    await runtime.stop()


if __name__ == "__main__":
    asyncio.run(main())
