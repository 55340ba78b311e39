"""autogen-core in one process, on its SingleThreadedAgentRuntime. Run as a module, in the peers' environment."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import asyncio

from autogen_core import SingleThreadedAgentRuntime
from opentelemetry.trace import NoOpTracerProvider

from bench.peers.autogen_agents import Driver, register_others, register_worker
from bench.peers.lines import serve


async def main() -> None:
    runtime = SingleThreadedAgentRuntime(tracer_provider=NoOpTracerProvider())
    await register_worker(runtime)
    await register_others(runtime)
    runtime.start()
    await serve(Driver(runtime).measure, ("autogen-core", "pydantic"))
    await runtime.stop()


if __name__ == "__main__":
    asyncio.run(main())
