"""Asked: a question that was sent, and where its answer arrives.

Most answers are there before the asker could wait for them; only who must wait makes a future.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from stigmergy.protocols.errors import DeadlineExceeded
from stigmergy.protocols.message import Message

Answered = tuple[Message, tuple[str, ...]]
"""The answer, and where its content came from."""


UNTIL_ACCEPTED: Final = -1.0
"""The deadline of somebody who wants no answer, but to know that the message was accepted."""


class Asked:
    """One open question. Its attributes begin on the class: most are never set."""

    found: Answered | None = None
    deadline = 0.0
    """Seconds on the host's clock after which nobody wants the answer; 0 while nobody waits."""
    patience_s = 0.0
    """How long somebody wanted to wait."""
    beats = 0
    """For how many beats of its host it has been open."""
    waiting: asyncio.Future[Any] | None = None
    """Made when somebody waits, or when there will be no answer."""

    def done(self) -> bool:
        """Whether there is an answer, or nobody waits any more."""
        return self.found is not None or (self.waiting is not None and self.waiting.done())

    def answer(self, message: Message, taint: tuple[str, ...]) -> None:
        """There is an answer."""
        self.found = (message, taint)
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(self.found)

    def fail(self, error: BaseException) -> None:
        """There will be no answer."""
        future = self.future()
        if not future.done():
            future.set_exception(error)
            future.exception()  # whoever waits has its own reference

    def expire(self, to: str) -> None:
        """Its time is over."""
        if not self.done():
            self.fail(DeadlineExceeded(f"{to} did not answer within {self.patience_s:g} s"))

    def future(self) -> asyncio.Future[Any]:
        """For the asker to wait on."""
        if self.waiting is None:
            self.waiting = asyncio.Future()  # in two thirds of the time that the loop's own method takes
            if self.found is not None:
                self.waiting.set_result(self.found)
        return self.waiting
