"""A line: a driver's way to one shard, whichever board runs it.

A board may be replaced while requests are on their way. They are kept, and go to its successor in their old order;
whatever the predecessor did already is known there by its id.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from stigmergy.actors.transport.link import Link, PeerGone
from stigmergy.protocols.errors import DeadlineExceeded, StigmergyError

CALL_S: Final = 30.0
"""How long a driver waits for the answer of a board, or of its successor."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a board that has no answer yet."""

    name: str
    payload: Any
    answer: asyncio.Future[Any]


class Line:
    """The requests of one driver to one shard."""

    def __init__(self) -> None:
        self.board: Link | None = None
        self._requests: dict[int, Request] = {}
        """In the order in which they were made."""
        self._made = 0
        self._ended = ""
        """Why no other board will come; empty while one may."""

    @property
    def unsent(self) -> set[str]:
        """Ids of the messages whose acceptance nobody has confirmed."""
        return {request.payload[0][0] for request in self._requests.values() if request.name == "send"}

    def attach(self, board: Link) -> None:
        """There is a board: what waits for an answer goes out again."""
        self.board = board
        for request in self._requests.values():
            self._issue(request)

    def detach(self) -> None:
        """The board is gone, and another one will come: requests wait for it."""
        self.board = None

    def end(self, text: str) -> None:
        """No other board will come."""
        self._ended = text
        for request in self._requests.values():
            fail(request.answer, PeerGone(text))

    def refuse(self, error: StigmergyError) -> None:
        """While there is no board: messages that wait for the next one do not go there."""
        for request in self._requests.values() if self.board is None else ():
            if request.name == "send":
                fail(request.answer, error)

    async def call(self, request: str, payload: Any = None, *, timeout_s: float | None = CALL_S) -> Any:
        """A request to the board of this moment, or to its successor; with None it waits as long as that takes.

        Raises: what the board raised, DeadlineExceeded, PeerGone when no other board will come.
        """
        if self._ended:
            raise PeerGone(self._ended)
        self._made += 1
        number, wanted = self._made, Request(request, payload, asyncio.get_running_loop().create_future())
        self._requests[number] = wanted
        self._issue(wanted)
        try:
            async with asyncio.timeout(timeout_s):
                return await wanted.answer
        except TimeoutError:
            raise DeadlineExceeded(f"the board did not answer {request!r} within {timeout_s:g} s") from None
        finally:
            self._requests.pop(number, None)

    async def call_once(self, request: str, payload: Any = None, *, timeout_s: float = CALL_S) -> Any:
        """A request that only the board of this moment can answer. Raises: as `call`, and PeerGone when it goes."""
        if self.board is None:
            raise PeerGone("the board is not running")
        return await self.board.call(request, payload, timeout_s=timeout_s)

    def _issue(self, request: Request) -> None:
        """Send a request to the board of this moment; without one it waits for `attach`."""
        if self.board is not None:
            self.board.request(request.name, request.payload, partial(_answered, request))


def _answered(request: Request, answer: Any, error: BaseException | None) -> None:
    if request.answer.done() or isinstance(error, PeerGone):
        return  # nobody waits any more, or the next board gets it
    if error is None:
        request.answer.set_result(answer)
    else:
        request.answer.set_exception(error)


def fail(answer: asyncio.Future[Any], error: Exception) -> None:
    """End a wait with an error, unless it has ended."""
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # whoever waits has its own reference
