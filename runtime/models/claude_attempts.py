"""What became of each attempt of one call: may it be repeated, and may it be billed?

A middleware of the SDK, which calls it once per attempt inside its retry loop. The rule of this file:
an attempt is repeated only when the provider certainly did no work for it, because one reservation
in the ledger pays for one piece of work. Certain are: never sent; refused with a Messages API error;
refused with another 4xx. After anything else the outcome is unknown, and the SDK's own willingness
to repeat (it repeats timeouts and broken connections) is overruled.
"""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import parsedate_to_datetime
from typing import Any, Final

import anthropic
import httpx2
from anthropic import APIRequest, AsyncAPIResponse, AsyncCallNext

from .failures import Outcome, Unavailable

_NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)

_MAY_HAVE_WORKED: Final = frozenset({408, 504})
"""Timeouts that the provider reports. The work was begun, and may be billed."""


class Attempts:
    """Counts the attempts of one call and knows what the call may have cost so far."""

    def __init__(self, deadline: float, backoff_s: float | None, *, paid: bool) -> None:
        self.count = 0
        self.outcome: Outcome = "unspent"
        self._deadline = deadline
        self._backoff_s = backoff_s
        self._paid = paid

    async def __call__(self, request: APIRequest, call_next: AsyncCallNext) -> AsyncAPIResponse[Any]:
        """Run one attempt. Raises: Unavailable when another one would be wrong or too late."""
        self.count += 1
        self.outcome = "unknown" if self._paid else "unspent"
        try:
            response = await call_next(request)
            if response.status_code < 400:  # noqa: PLR2004 - HTTP
                return response
            body = await response.http_response.aread()
        except anthropic.APIConnectionError as error:
            if isinstance(error.__cause__, _NEVER_SENT):
                self.outcome = "unspent"
            if self.outcome == "unspent":
                raise
            told = type(error.__cause__ or error).__name__
            raise self._unavailable(f"the connection failed after the question was sent ({told})") from None
        except httpx2.HTTPError as error:
            raise self._unavailable(f"the connection failed in an error message ({type(error).__name__})") from None
        if not _certainly_unpaid(response.status_code, body) and self._paid:
            raise self._unavailable(f"HTTP {response.status_code}, which does not say whether any work was done")
        self.outcome = "unspent"
        if may_be_repeated(response.status_code):
            self._set_pause(response)
        return response

    def _set_pause(self, response: AsyncAPIResponse[Any]) -> None:
        """Give up now if the provider asks for a pause beyond the deadline; the SDK would sleep it out."""
        pause = retry_after_s(response.headers)
        if pause is None:
            pause = self._backoff_s
        elif asyncio.get_running_loop().time() + pause > self._deadline:
            raise self._unavailable(
                f"HTTP {response.status_code}, and the provider asks to wait {pause:g} s, past the end of this call"
            )
        if pause is not None:
            response.http_response.headers["retry-after-ms"] = str(pause * 1000)

    def _unavailable(self, message: str) -> Unavailable:
        return Unavailable(message, self.outcome, None, self.count)


def may_be_repeated(status: int) -> bool:
    """Whether the same request can succeed later: what the SDK repeats, by the API's list of errors."""
    return status in {408, 409, 429} or status >= 500  # noqa: PLR2004 - HTTP


def _certainly_unpaid(status: int, body: bytes) -> bool:
    if status in _MAY_HAVE_WORKED:
        return False
    if status < 500:  # noqa: PLR2004 - HTTP: the fault is the client's, so nobody began to work
        return True
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("type") == "error"


def retry_after_s(headers: Any) -> float | None:
    """Seconds that the provider asks to wait; None when it does not say, or says something unreadable.

    RFC 9110, section 10.2.3: seconds or a date, which counts from the date that the answer itself bears: whose clock is
    right does not matter. ``retry-after-ms`` is what the SDK reads first.
    """
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            pause = float(headers.get(name, "")) * scale
        except ValueError:
            continue
        return pause if pause > 0 else None
    until, since = (_moment(headers.get(name, "")) for name in ("retry-after", "date"))
    if until is None:
        return None
    pause = until - (time.time() if since is None else since)
    return pause if pause > 0 else None


def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return None
