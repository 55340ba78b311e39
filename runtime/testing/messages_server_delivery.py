"""How an answer leaves the loopback server: whole, or broken in the way that a fault demands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from .messages_server_faults import Fault
from .messages_server_wire import events_of, spoiled, sse

REFUSALS: Final = {
    "rate_limited": (429, "rate_limit_error"),
    "overloaded": (529, "overloaded_error"),
    "server_error": (500, "api_error"),
}

SLOW_S: Final = 0.2

PAGE: Final = "<html><body><h1>Please log in to the network</h1></body></html>"


class BreakableProtocol(H11Protocol):
    """Hands its connection to the application, as ``request.state.connection``, so that it can be broken."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio, once for each connection."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": transport}


class Line(NamedTuple):
    """The connection to one client, and the end of everything."""

    connection: asyncio.Transport
    stopping: asyncio.Event


def error(status: int, type: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """A Messages API error."""
    body = {"type": "error", "error": {"type": type, "message": message}, "request_id": None}
    return JSONResponse(body, status_code=status, headers=headers)


def refuse(fault: Fault, line: Line) -> Response | None:
    """The answer to a request that is not worked on; None when the fault comes later."""
    if fault.kind in REFUSALS:
        pause = {} if fault.seconds is None else {"retry-after": str(fault.seconds)}
        return error(*REFUSALS[fault.kind], f"simulated: {fault.kind}", pause)
    if fault.kind == "html":
        return HTMLResponse(PAGE)
    if fault.kind == "disconnected":
        line.connection.close()
        return Response(status_code=503)  # goes nowhere
    return None


async def deliver(message: dict[str, Any], fault: Fault | None, line: Line, *, stream: bool) -> Response:
    """A generated message on its way."""
    kind = fault.kind if fault is not None else None
    if fault is not None and kind == "slow":
        with suppress(TimeoutError):
            await asyncio.wait_for(line.stopping.wait(), SLOW_S if fault.seconds is None else fault.seconds)
    if kind == "bad_gateway":
        return HTMLResponse(PAGE, status_code=502)
    told = spoiled(message, kind) if kind is not None else message
    pieces = list(map(sse, events_of(told))) if stream else [json.dumps(told).encode()]
    if kind == "bad_json":
        at = len(pieces) // 2
        pieces[at] = pieces[at].replace(b'": ', b'" ')
    elif kind in {"unfinished", "cut"}:
        pieces = pieces[: len(pieces) // 2] if stream else [pieces[0][: len(pieces[0]) // 2]]
    elif kind == "silent":
        pieces = pieces[:1] if stream else []
    media_type = "text/event-stream" if stream else "application/json"
    return StreamingResponse(_flow(pieces, kind, line), media_type=media_type)


async def _flow(pieces: list[bytes], kind: str | None, line: Line) -> AsyncIterator[bytes]:
    for piece in pieces:
        if line.connection.is_closing():
            return
        yield piece
    if kind == "cut":
        line.connection.close()
    elif kind == "silent":
        await line.stopping.wait()
