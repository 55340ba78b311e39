"""Asked: a question that was sent, and where its answer arrives.

Most answers are there before the asker could wait for them; only who must wait makes a future.
"""

from __future__ import annotations

import asyncio
from typing import Any

from stigmergy.protocols.errors import DeadlineExceeded
from stigmergy.protocols.message import Message

Answered = tuple[Message, tuple[str, ...]]
"""The answer, and where its content came from."""


class Asked:
    """One open question."""

    __slots__ = ("_future", "deadline", "found")

    def __init__(self) -> None:
        self.found: Answered | None = None
        self.deadline = 0.0
        """Seconds on the host's clock after which nobody wants the answer; 0 while nobody waits."""
        self._future: asyncio.Future[Any] | None = None

    def done(self) -> bool:
        """Whether there is an answer, or nobody waits any more."""
        return self.found is not None or (self._future is not None and self._future.done())

    def answer(self, message: Message, taint: tuple[str, ...]) -> None:
        """There is an answer."""
        self.found = (message, taint)
        if self._future is not None and not self._future.done():
            self._future.set_result(self.found)

    def fail(self, error: BaseException) -> None:
        """There will be no answer."""
        future = self.future()
        if not future.done():
            future.set_exception(error)
            future.exception()  # whoever waits has its own reference

    def expire(self, to: str, timeout_s: float) -> None:
        """Its time is over."""
        if not self.done():
            self.fail(DeadlineExceeded(f"{to} did not answer within {timeout_s:g} s"))

    def future(self) -> asyncio.Future[Any]:
        """For the asker to wait on."""
        if self._future is None:
            self._future = asyncio.get_running_loop().create_future()
            if self.found is not None:
                self._future.set_result(self.found)
        return self._future
