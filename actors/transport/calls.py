"""Calls of Ray: each has an end, and one of three outcomes: an answer, nobody knows, or nobody is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from stigmergy.protocols.errors import StigmergyError

from .doors import Home
from .link import RETRY_S, PeerGone, PeerUnavailable
from .sockets import CALL_TIMEOUT_S


def home(*, far: bool) -> Home:
    """Where this process is; two nodes on one machine stand for two machines. Only who is ``far`` needs an address."""
    import ray

    node: str = ray.get_runtime_context().get_node_id()
    host: str = ray.util.get_node_ip_address() if far else ""  # type: ignore[no-untyped-call] # it publishes none
    return Home(node, host)


class RayHandle:
    """The `Handle` of a Ray actor."""

    def __init__(self, name: str, actor: Any) -> None:
        self.name = name
        self.actor = actor

    def receive(self, data: bytes) -> Coroutine[Any, Any, bytes]:
        """See `Handle.receive`."""
        return reach(self.name, self.actor.receive.remote(data), CALL_TIMEOUT_S)


async def insist(name: str, call: Callable[[], Awaitable[Any]], timeout_s: float) -> Any:
    """Make a call that changes nothing when it is repeated, again while its outcome is unknown. Raises: as `reach`."""
    until = time.monotonic() + timeout_s
    for pause in RETRY_S:
        try:
            return await reach(name, call(), until - time.monotonic())
        except PeerUnavailable:
            if time.monotonic() + pause > until:
                raise
            await asyncio.sleep(pause)
    return await reach(name, call(), until - time.monotonic())


async def reach(name: str, call: Awaitable[Any], timeout_s: float) -> Any:
    """Await a Ray call. Raises: PeerUnavailable (unknown whether it ran), PeerGone."""
    import ray

    try:
        return await asyncio.wait_for(_as_future(call), timeout_s)
    except TimeoutError:
        raise PeerUnavailable(f"{name} did not answer within {timeout_s:g} s") from None
    except ray.exceptions.ActorUnavailableError as why:
        raise PeerUnavailable(f"{name}: {_line(why, 0)}") from None
    except ray.exceptions.RayTaskError as why:
        if isinstance(why.cause, StigmergyError):
            raise why.cause from None
        raise PeerGone(f"{name} failed: {_line(why, -1)}") from None
    except ray.exceptions.RayError as why:
        raise PeerGone(f"{name}: {_line(why, 0)}") from None


async def _as_future(call: Awaitable[Any]) -> Any:
    return await call


def _line(error: BaseException, number: int) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[number][:300]
