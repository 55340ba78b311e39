"""Claude through the anthropic SDK: Anthropic's own service, or any server that speaks the Messages API.

The rule of this file: importing it costs nothing. The SDK takes a second and a half to import, so that
happens at the first call; the client belongs to the event loop that makes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from stigmergy.protocols.errors import UsageError

from .claude_limits import CallLimits
from .port import Chunk, ModelReply, ModelRequest

if TYPE_CHECKING:
    from .claude_transport import Transport

ANTHROPIC_URL: Final = "https://api.anthropic.com"


class Claude:
    """A `Model`. Without ``base_url`` it is Anthropic's own service, which needs a key. Raises: UsageError."""

    def __init__(self, api_key: str = "", *, base_url: str = ANTHROPIC_URL, limits: CallLimits | None = None) -> None:
        if base_url == ANTHROPIC_URL and not api_key:
            raise UsageError("Claude needs a key: set ANTHROPIC_API_KEY, or pass api_key= or the base_url= of a server")
        self._api_key = api_key
        self._base_url = base_url
        self._limits = limits or CallLimits()
        self._transport: Transport | None = None

    def __repr__(self) -> str:
        return f"Claude(base_url={self._base_url!r})"

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The whole answer in one piece. Raises: ModelUnavailable, ModelRefused, ModelOutputInvalid."""
        return await (await self._open()).complete(request)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """The answer as it comes. Raises: ModelUnavailable, ModelRefused, ModelOutputInvalid."""
        transport = await self._open()
        async with aclosing(transport.stream(request)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def count_tokens(self, request: ModelRequest) -> int:
        """Input tokens as the provider counts them; free. Raises: ModelUnavailable, ModelRefused."""
        return await (await self._open()).count_tokens(request)

    async def aclose(self) -> None:
        """Close the connections. A later call opens new ones."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def _open(self) -> Transport:
        if self._transport is None:
            # In a thread, because every other agent of the host would wait for the import too.
            kind = await asyncio.to_thread(_transport_class)
            self._transport = self._transport or kind(self._api_key, self._base_url, self._limits)
        return self._transport


def _transport_class() -> type[Transport]:
    try:
        from .claude_transport import Transport  # noqa: PLC0415 - imports the SDK
    except ModuleNotFoundError as missing:
        raise UsageError(f"Claude needs {missing.name}: pip install 'stigmergy[anthropic]'") from missing
    return Transport
