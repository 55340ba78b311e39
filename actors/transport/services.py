"""Services: what runs inside a process, and what a process expects of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from .link import Handle


class Service(Protocol):
    """What runs inside a process."""

    async def receive(self, data: bytes) -> bytes:
        """Take a peer's batch; return the batch that is ready for it; empty when the peer is unknown."""
        ...

    def attach(self, peer: str, handle: Handle) -> None:
        """Learn how to reach a peer."""
        ...

    def health(self) -> dict[str, Any]:
        """A few plain figures. Called from another thread: reads only, no locks."""
        ...

    async def close(self) -> None:
        """Stop, and leave files closed."""
        ...


@runtime_checkable
class Holding(Protocol):
    """A service that holds what the kernel would let go of if its process died, such as the lock of a journal."""

    def let_go(self) -> None:
        """Let go of it at once, without a word to peers; nothing that was under way becomes durable."""
        ...


class Driver(Service, Protocol):
    """A service in the user's own process, which actors cannot call."""

    def deliver(self, data: bytes) -> None:
        """Take a peer's batch and hand nothing back."""
        ...

    def lost(self, peer: str, reason: str) -> None:
        """Hear that a peer's process has ended."""
        ...


def named(factory: Callable[[dict[str, Any]], Any]) -> str:
    """A function as ``module:function``, which another process can `build` from."""
    return f"{factory.__module__}:{factory.__name__}"


def build(factory: str, config: dict[str, Any]) -> Service:
    """Call ``module:function`` with a configuration."""
    module, _, function = factory.partition(":")
    service: Service = getattr(importlib.import_module(module), function)(config)
    return service
