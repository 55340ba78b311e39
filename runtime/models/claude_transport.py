"""The anthropic SDK, and the only place where its calls are made and its errors end.

The rule of this file: whatever goes wrong leaves as one of our three failures, with the outcome that
`Attempts` knows, and without the key. Plain answers are read with a limit and parsed here, because the
SDK builds messages without checking them: an HTML page passes its parser.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import anthropic
import httpx2

from stigmergy.protocols.errors import UsageError

from .claude_attempts import Attempts, may_be_repeated
from .claude_limits import CallLimits
from .claude_stream import Assembly
from .claude_wire import answer, headers, prompt, question
from .failures import Failure, OutputInvalid, Refused, Unavailable
from .port import Chunk, ModelReply, ModelRequest

TOLD: Final = 500
"""Characters of a provider's own words that an error quotes."""

_UNREADABLE: Final = (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError)
"""What parsing raises on an answer that is not one."""


class Transport:
    """One SDK client, opened in the event loop that uses it."""

    def __init__(self, api_key: str, base_url: str, limits: CallLimits) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._limits = limits
        self._client = anthropic.AsyncAnthropic(
            # Given always, even when it is no key: otherwise the SDK searches environment and home folder for one.
            api_key=api_key or "none",
            base_url=base_url,
            max_retries=limits.retries,
            http_client=anthropic.DefaultAsyncHttpxClient(verify=_trusted()),
        )

    async def complete(self, request: ModelRequest) -> ModelReply:
        """One plain call. Raises: Unavailable, Refused, OutputInvalid."""
        arguments, started = question(request), self._now()
        tries = self._attempts(request, paid=True)
        with self._typed(tries):
            async with asyncio.timeout_at(started + request.timeout_s):
                body = await self._post(arguments, request, tries)
            try:
                told = json.loads(body)
            except _UNREADABLE:
                raise self._unreadable(body, tries) from None
            return answer(told, request, tries.count, self._now() - started)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """One streamed call. Raises: Unavailable, Refused, OutputInvalid."""
        arguments, started = question(request), self._now()
        tries, assembly = self._attempts(request, paid=True), Assembly()
        with self._typed(tries):
            async with asyncio.timeout_at(started + request.timeout_s):
                events = await self._client.with_middleware(tries).messages.create(
                    **arguments,
                    stream=True,
                    extra_headers=headers(request),
                    timeout=self._timeout(request, read_s=self._limits.idle_timeout_s),
                )
        async with events:
            # The deadline is never set around the yield, where it would interrupt whatever the consumer does.
            while (text := await self._next_text(events, assembly, started + request.timeout_s, tries)) is not None:
                if text:
                    yield Chunk(text)
        with self._typed(tries):
            reply = answer(assembly.body(), request, tries.count, self._now() - started)
        yield Chunk("", reply)

    async def count_tokens(self, request: ModelRequest) -> int:
        """The provider's count; free. Raises: Unavailable, Refused."""
        arguments, tries = prompt(request), self._attempts(request, paid=False)
        with self._typed(tries):
            try:
                async with asyncio.timeout(request.timeout_s):
                    counted = await self._client.with_middleware(tries).messages.count_tokens(
                        **arguments, extra_headers=headers(request), timeout=self._timeout(request)
                    )
                tokens = counted.input_tokens
            except (json.JSONDecodeError, AttributeError):  # an HTML page arrives as a str
                tokens = None
            if not isinstance(tokens, int) or tokens < 0:
                raise Unavailable("the answer is not a token count", "unspent", None, tries.count)
            return tokens

    async def aclose(self) -> None:
        """Close the client's connections."""
        await self._client.close()

    async def _post(self, arguments: dict[str, Any], request: ModelRequest, tries: Attempts) -> bytes:
        body = bytearray()
        call = self._client.with_middleware(tries).messages.with_streaming_response.create(
            **arguments, extra_headers=headers(request), timeout=self._timeout(request)
        )
        async with call as response:
            async for piece in response.iter_bytes():
                body += piece
                self._check_size(len(body), tries)
        return bytes(body)

    async def _next_text(self, events: Any, assembly: Assembly, deadline: float, tries: Attempts) -> str | None:
        with self._typed(tries):
            try:
                async with asyncio.timeout_at(deadline):
                    event = await anext(events, None)
                text = None if event is None else assembly.feed(event.to_dict())
            except _UNREADABLE as why:
                told = f"the stream holds an event that cannot be read ({type(why).__name__})"
                raise Unavailable(told, "unknown", None, tries.count) from None
            self._check_size(assembly.characters, tries)
            return text

    def _check_size(self, size: int, tries: Attempts) -> None:
        limit = self._limits.max_reply_bytes
        if size > limit:
            raise OutputInvalid(f"the answer is over the limit of {limit:,} bytes", "unknown", None, tries.count)

    def _attempts(self, request: ModelRequest, *, paid: bool) -> Attempts:
        return Attempts(self._now() + request.timeout_s, self._limits.backoff_s, paid=paid)

    def _timeout(self, request: ModelRequest, *, read_s: float | None = None) -> anthropic.Timeout:
        # Always set: without one the SDK refuses plain calls with a large max_tokens.
        whole_s = request.timeout_s
        return anthropic.Timeout(
            whole_s,
            connect=min(whole_s, self._limits.connect_timeout_s),
            read=whole_s if read_s is None else min(whole_s, read_s),
        )

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    @contextmanager
    def _typed(self, tries: Attempts) -> Iterator[None]:
        """Turn whatever the SDK raises into one of our failures, with the key struck out."""
        try:
            yield
        except (Unavailable, Refused, OutputInvalid) as failure:
            raise self._without_key(failure, tries) from None
        except UnicodeEncodeError as why:
            raise UsageError(f"the request holds half a surrogate pair, which UTF-8 has no bytes for: {why}") from None
        except TimeoutError:
            told = f"no complete answer in time; {tries.count} requests were sent"
            raise Unavailable(told, tries.outcome, None, tries.count) from None
        except anthropic.APIStatusError as error:
            raise self._without_key(_from_status(error, tries), tries) from None
        except anthropic.APIConnectionError as error:
            kind = type(error.__cause__ or error).__name__
            told = f"no model provider can be reached at {self._base_url} ({kind}): check that address and the network"
            raise Unavailable(told, tries.outcome, None, tries.count) from None
        except (anthropic.AnthropicError, httpx2.HTTPError) as error:
            told = f"the answer broke off or cannot be read ({type(error).__name__})"
            raise Unavailable(told, tries.outcome, None, tries.count) from None

    def _without_key(self, failure: Failure, tries: Attempts) -> Failure:
        key = self._api_key
        message = failure.message.replace(key, "[api key]") if key else failure.message
        return type(failure)(message, failure.outcome, failure.usage, tries.count)

    def _unreadable(self, body: bytes, tries: Attempts) -> Unavailable:
        begins = body[:60].decode(errors="replace")
        return Unavailable(f"the answer is not JSON; it begins {begins!r}", "unknown", None, tries.count)


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed, as the SDK has it. Reading them takes 20 ms, so all clients share them."""
    return httpx2.create_ssl_context()


def _from_status(error: anthropic.APIStatusError, tries: Attempts) -> Failure:
    words = str(error.api_message or error.message)[:TOLD]
    where = f"{error.type or 'no error type'}, request {error.request_id or 'unknown'}"
    told = f"HTTP {error.status_code} ({where}): {words}"
    # A status below 400 is an error event inside a stream that had begun well.
    again = may_be_repeated(error.status_code) or error.status_code < 400  # noqa: PLR2004 - HTTP
    return (Unavailable if again else Refused)(told, tries.outcome, None, tries.count)
