"""A circuit breaker: a provider that keeps failing is left alone for a while.

Closed, calls pass. After 5 failures in a row it opens: calls fail at once and cost nothing. When 30 s
have passed it is half open: one call goes through as a probe, and decides. (M. Nygard, Release It!,
"Circuit Breaker".) Only `ModelUnavailable` is a failure: a provider that refuses, or answers badly,
is there.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager

from stigmergy.protocols.errors import ModelError, ModelUnavailable

from .failures import Unavailable
from .port import Chunk, Model, ModelReply, ModelRequest


class Circuit:
    """The state of one breaker. Time comes in; nothing here waits."""

    def __init__(self, failures: int = 5, cooldown_s: float = 30.0) -> None:
        self._limit = failures
        self._cooldown_s = cooldown_s
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    def admit(self, now: float) -> bool:
        """Let a call through; True when it is the probe. Raises: Unavailable while the circuit is open."""
        if self._opened_at is None:
            return False
        left = self._opened_at + self._cooldown_s - now
        if left > 0 or self._probing:
            when = f"in {left:.1f} s" if left > 0 else "when the call that is under way has an answer"
            raise Unavailable(f"the model failed {self._failures} times in a row; next try {when}", "unspent", None, 0)
        self._probing = True
        return True

    def answered(self, *, probe: bool) -> None:
        """The provider is there. A call that was let through before the circuit opened does not close it."""
        if probe or self._opened_at is None:
            self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self, now: float, *, probe: bool) -> None:
        """The provider failed; the last failure that counts opens the circuit, and a failed probe opens it again."""
        self._failures += 1
        if probe or (self._opened_at is None and self._failures >= self._limit):
            self._opened_at = now
        self.dropped(probe=probe)

    def dropped(self, *, probe: bool) -> None:
        """The caller gave up. That says nothing, so the next call may probe."""
        if probe:
            self._probing = False


class Breaker:
    """A `Model` behind a circuit breaker."""

    def __init__(
        self, model: Model, circuit: Circuit | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model = model
        self._circuit = circuit or Circuit()
        self._clock = clock

    async def complete(self, request: ModelRequest) -> ModelReply:
        """The whole answer. Raises: ModelUnavailable, ModelRefused, ModelOutputInvalid."""
        with self._watched():
            return await self._model.complete(request)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """The answer as it comes. Raises: ModelUnavailable, ModelRefused, ModelOutputInvalid."""
        with self._watched():
            async with aclosing(self._model.stream(request)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def count_tokens(self, request: ModelRequest) -> int:
        """Input tokens of a request. Raises: ModelUnavailable, ModelRefused."""
        with self._watched():
            return await self._model.count_tokens(request)

    async def aclose(self) -> None:
        """Close the model."""
        await self._model.aclose()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        probe = self._circuit.admit(self._clock())
        try:
            yield
        except ModelUnavailable:
            self._circuit.failed(self._clock(), probe=probe)
            raise
        except ModelError:
            self._circuit.answered(probe=probe)
            raise
        except BaseException:
            self._circuit.dropped(probe=probe)
            raise
        else:
            self._circuit.answered(probe=probe)
