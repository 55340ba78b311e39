"""autogen-core over gRPC: its host, a worker that asks and a worker that answers, each in a process of its own.

Run as a module, in the peers' environment; started without an argument it starts the other two.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import asyncio
import socket
import sys

from autogen_ext.runtimes.grpc import GrpcWorkerAgentRuntime, GrpcWorkerAgentRuntimeHost
from opentelemetry.trace import NoOpTracerProvider

from bench.peers.autogen_agents import Driver, know_the_types, register_others, register_worker
from bench.peers.lines import say, serve

PACKAGES = ("autogen-core", "autogen-ext", "grpcio")


async def host(address: str) -> None:
    server = GrpcWorkerAgentRuntimeHost(address)
    server.start()
    await until_closed()
    await server.stop(grace=0)


async def answering(address: str) -> None:
    runtime = GrpcWorkerAgentRuntime(address, tracer_provider=NoOpTracerProvider())
    await runtime.start()
    know_the_types(runtime)
    await register_others(runtime)
    await until_closed()


async def driving(address: str) -> None:
    runtime = GrpcWorkerAgentRuntime(address, tracer_provider=NoOpTracerProvider())
    await runtime.start()
    know_the_types(runtime)
    await register_worker(runtime)
    await serve(Driver(runtime).measure, PACKAGES)


async def until_closed() -> None:
    """Say that all is ready, and stay until whoever started this process has gone."""
    say({"ready": True})
    await asyncio.to_thread(sys.stdin.read)


async def start(part: str, address: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "bench.peers.autogen_grpc", part, address)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    if process.stdout is None or not await process.stdout.readline():
        raise RuntimeError(f"the {part} part of autogen-core over gRPC did not start")
    return process


async def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    others = [await start(part, address) for part in ("host", "answering")]
    try:
        await driving(address)
    finally:
        for process in reversed(others):
            process.terminate()
            await process.wait()


if __name__ == "__main__":
    PARTS = {"host": host, "answering": answering}
    asyncio.run(PARTS[sys.argv[1]](sys.argv[2]) if len(sys.argv) > 1 else main())
