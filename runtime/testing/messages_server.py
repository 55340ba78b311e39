"""A Messages API server on loopback: for tests that drive the real SDK, and for examples without a key.

    with MessagesServer(brain) as server:
        claude = Claude(base_url=server.base_url)

It answers by a brain (`scripted.Brain`; by default it echoes), counts tokens by a fixed rule, simulates
the prompt cache, keeps its own books, and misbehaves on request (`FaultPlan`). Also a program:
``python -m stigmergy.runtime.testing.messages_server --port 8012 --log calls.jsonl``.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib
import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from stigmergy.runtime.models.scripted import Brain, as_answer

from .messages_server_books import Books, Entry, PromptCache, Tokens, block_tokens, blocks_of
from .messages_server_delivery import BreakableProtocol, Line, deliver, error, refuse
from .messages_server_faults import COUNT, KINDS, MESSAGES, Fault, FaultPlan
from .messages_server_wire import Rejected, check, echo, message_of, request_of


class MessagesServer:
    """The server; ``with`` runs it in a thread of its own."""

    def __init__(
        self,
        brain: Brain = echo,
        *,
        faults: FaultPlan | None = None,
        log: Path | None = None,
        port: int = 0,
        api_key: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.faults = faults or FaultPlan()
        self.books = Books(log)
        self.brain = brain
        self._api_key = api_key
        self._cache = PromptCache(clock)
        self._served = 0
        # With the protocol named, asyncio turns Nagle's algorithm off; without, every answer takes 40 ms longer.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen()  # from here on, whoever connects is not refused, but waits until it is served
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        routes = [Route(MESSAGES, self._messages, methods=["POST"]), Route(COUNT, self._count, methods=["POST"])]
        self._server = uvicorn.Server(
            uvicorn.Config(
                Starlette(routes=routes, exception_handlers={ClientDisconnect: _gone}),
                http=BreakableProtocol,
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), name="messages-server")
        self._ready = threading.Event()

    async def serve(self) -> None:
        """Answer until `stop`, or until the process gets a signal."""
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """End it, with whatever still hangs."""
        self._server.should_exit = True
        self._loop.call_soon_threadsafe(self._stopping.set)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    async def _count(self, request: Request) -> Response:
        raw, fault, line = await request.body(), self.faults.next(COUNT), self._line(request)
        try:
            body = self._accepted(request, raw, counting=True)
        except Rejected as why:
            return error(why.status, why.type, why.message)
        told = {"input_tokens": sum(map(block_tokens, blocks_of(body)))}
        refusal = refuse(fault, line) if fault else None
        return refusal or await deliver(told, fault, line, stream=False)

    async def _messages(self, request: Request) -> Response:
        raw, fault, line = await request.body(), self.faults.next(MESSAGES), self._line(request)
        self._served += 1
        number, body, tokens, response = f"{self._served:06d}", {}, Tokens(), None
        try:
            body = self._accepted(request, raw, counting=False)
            response = refuse(fault, line) if fault else None
        except Rejected as why:
            response = error(why.status, why.type, why.message)
        if response is None:
            message, tokens = self._generated(body, f"msg_{number}", fault)
        status = response.status_code if response else 502 if fault and fault.kind == "bad_gateway" else 200
        entry = _entry(request, raw, body, f"req_{number}", status)
        paid = tokens.nano_usd(entry.model) if tokens.output else 0
        self.books.enter(replace(entry, fault=fault.kind if fault else "", tokens=tokens, nano_usd=paid))
        if response is None:
            response = await deliver(message, fault, line, stream=bool(body.get("stream")))
        response.headers["request-id"] = f"req_{number}"
        return response

    def _generated(self, body: dict[str, Any], id: str, fault: Fault | None) -> tuple[dict[str, Any], Tokens]:
        answer = as_answer(self.brain(request_of(body)))
        message, tokens = message_of(body, answer, self._cache.split(body), id)
        huge = fault is not None and fault.kind == "huge"
        return message, replace(tokens, output=body["max_tokens"]) if huge else tokens

    def _accepted(self, request: Request, raw: bytes, *, counting: bool) -> dict[str, Any]:
        """The body of a request that the service would work on. Raises: Rejected."""
        key = request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("x-api-key", "")
        if not key or (self._api_key and key != self._api_key):
            # Echoed on purpose: gateways do that, and a client has to strike it out.
            raise Rejected(401, "authentication_error", f"invalid credential {key}")
        if not request.headers.get("anthropic-version"):
            raise Rejected(400, "invalid_request_error", "anthropic-version: header is required")
        try:
            body = json.loads(raw)
        except ValueError as why:
            raise Rejected(400, "invalid_request_error", f"the body is not JSON: {why}") from why
        check(body, counting=counting)
        accepted: dict[str, Any] = body
        return accepted

    def _line(self, request: Request) -> Line:
        return Line(request.state.connection, self._stopping)


async def _gone(_request: Request, _why: Exception) -> Response:
    """The caller hung up before the question was complete, so there is nobody to tell and nothing to write down."""
    return Response(status_code=499)


def _entry(request: Request, raw: bytes, body: dict[str, Any], id: str, status: int) -> Entry:
    return Entry(
        request_id=id,
        call=request.headers.get("stigmergy-call", ""),
        key=request.headers.get("stigmergy-request", ""),
        body=hashlib.sha256(raw).hexdigest(),
        model=body.get("model", ""),
        stream=bool(body.get("stream")),
        status=status,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a server until it is interrupted; its address is the first line on standard output."""
    parser = argparse.ArgumentParser(description="A Messages API server on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", type=Path, help="file that gets one JSON line for each request")
    parser.add_argument("--brain", metavar="MODULE:FUNCTION", help="who answers; the default echoes")
    parser.add_argument("--fault-rate", type=float, default=0.0, help="share of requests that go wrong, 0 to 1")
    parser.add_argument("--faults", nargs="+", choices=KINDS, default=KINDS, help="what may go wrong")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    chosen = parser.parse_args(arguments)
    brain = echo
    if chosen.brain:
        module, _, name = chosen.brain.partition(":")
        brain = getattr(importlib.import_module(module), name)
    plan = FaultPlan(probability=chosen.fault_rate, kinds=tuple(chosen.faults), seed=chosen.seed)
    server = MessagesServer(brain, faults=plan, log=chosen.log, port=chosen.port)
    print(server.base_url, flush=True)  # noqa: T201 - what whoever started it waits for
    with suppress(KeyboardInterrupt):
        asyncio.run(server.serve())


if __name__ == "__main__":
    main()
