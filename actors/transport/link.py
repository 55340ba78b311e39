"""Links carry frames between processes: many frames in one call, a bounded number of calls at once.

What is ready when a call can be made goes into that call; nothing waits for a timer. Answers that
are ready when the peer's call ends ride back in its return value.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol

from stigmergy.protocols.errors import DeadlineExceeded, Malformed, StigmergyError, WireError, pack, unpack

from .channel import Channel, Frame, open_batch
from .frames import ANSWER, ASK, ERROR, TELL

WINDOW: Final = 4
"""Calls in flight on one link. Two keep both ends busy; four ride out an uneven moment."""

RETRY_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Waits before a batch is sent again to a peer that may come back; then the peer counts as lost."""

SILENCE_S: Final = 2.0
"""How long a batch may stay unconfirmed while nothing is in flight."""


class PeerUnavailable(StigmergyError):
    """The peer did not confirm; whether it got the batch is unknown. Send the same batch again."""


class PeerGone(StigmergyError):
    """The peer's process has ended and will not come back under this name."""


class Handle(Protocol):
    """The far end of a link, wherever it lives."""

    def receive(self, data: bytes) -> Coroutine[Any, Any, bytes]:
        """Hand a batch over; give the batch that came back. Raises: PeerUnavailable, PeerGone.

        The batch may leave before this is awaited.
        """
        ...


Heard = Callable[[Any, BaseException | None], None]
"""Takes an answer, or the error in its place. Must not raise."""


class Link:
    """A peer as seen from here. All methods are called on the owner's event loop."""

    def __init__(self, me: str, peer: str, handle: Handle, on_lost: Callable[[str, str], None]) -> None:
        """``on_lost(peer, reason)`` is called once, when the peer counts as lost."""
        self.peer = peer
        self._handle = handle
        self._channel = Channel(me)
        self._on_lost = on_lost
        self._calls: dict[Any, Coroutine[Any, Any, bytes]] = {}
        self._in_flight = 0
        self._silent = (0, 0.0)
        """The oldest unconfirmed batch, and since when."""
        self.stirred = False
        """Whether what is ready will go when this turn of the event loop is over."""
        self._tickets = 0
        self._waiting: dict[int, Heard] = {}
        self.lost = False
        self.on_frames: Callable[[Link, list[Frame]], None] = _ignore
        """Set by the owner: takes the peer's frames that are not answers."""
        self.fill: Callable[[], None] = _nothing
        """Set by an owner that collects: puts what it has. Called when nothing waits and something could go."""
        self.serving = 0
        """Calls of the peer that have not returned: what is ready rides back in them."""

    def tell(self, name: str, payload: Any = None) -> None:
        """Send a frame that wants no answer. Raises: Malformed, Oversized."""
        self._put((TELL, 0, name, payload))

    def ask(self, name: str, payload: Any = None) -> asyncio.Future[Any]:
        """Send a frame and get a future for its answer; it raises what the peer raised."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.request(name, payload, partial(_settle, future))
        return future

    def request(self, name: str, payload: Any, heard: Heard) -> None:
        """Ask, and hear the answer or the error the moment it is here, before the event loop turns."""
        self._tickets += 1
        if self.lost:
            heard(None, PeerGone(f"{self.peer} is gone"))
            return
        try:
            self._put((ASK, self._tickets, name, payload))
        except WireError as error:
            heard(None, error)
        else:
            self._waiting[self._tickets] = heard

    async def call(self, name: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """Ask and wait. Raises: DeadlineExceeded after ``timeout_s`` (30 s), or what the peer raised."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.ask(name, payload)
        except TimeoutError:
            raise DeadlineExceeded(f"{self.peer} did not answer {name!r} within {timeout_s:g} s") from None

    def answer(self, ticket: int, value: Any) -> None:
        """Answer a peer's ask."""
        if ticket:
            try:
                self._put((ANSWER, ticket, "", value))
            except WireError as error:
                self.fail(ticket, error)

    def fail(self, ticket: int, error: BaseException) -> None:
        """Answer a peer's ask with an error."""
        self.refuse(ticket, list(pack(error)))

    def refuse(self, ticket: int, packed: list[Any]) -> None:
        """Answer a peer's ask with an error that is packed already."""
        if ticket:
            self._put((ERROR, ticket, "", packed))

    def inbound(self, number: int, confirmed: int, frames: list[Frame]) -> list[Frame]:
        """Take in a batch; settle the answers in it and return the rest, in order."""
        rest, was_full = [], self._channel.full
        for frame in self._channel.accept(number, confirmed, frames):
            verb, ticket, _, payload = frame
            if verb in (ANSWER, ERROR):
                heard = self._waiting.pop(ticket, None)
                if heard is not None and verb == ANSWER:
                    heard(payload, None)
                elif heard is not None:
                    heard(None, unpack(*payload))
            elif type(payload) is Malformed:
                self.fail(ticket, payload)  # see `read_each`
            else:
                rest.append(frame)
        if was_full and not self._channel.full:
            self.stir()
        return rest

    def take(self) -> bytes:
        """What is ready for the peer, to ride back in the return value of its own call."""
        if not (self._channel.waiting or self._channel.full):
            self.fill()
        return self._channel.batch()

    @property
    def pending(self) -> int:
        """Frames that wait, and calls that have not returned."""
        return self._channel.waiting + self._in_flight

    def stir(self) -> None:
        """Something is ready: let it go as soon as this turn of the event loop is over."""
        if not self.stirred and not self.lost:
            self.stirred = True
            asyncio.get_running_loop().call_soon(self._flush)

    def confirm(self) -> None:
        """Send a bare confirmation if one is owed, and nothing else is about to go that confirms as well."""
        goes = self._channel.waiting and not self._channel.full
        if self._channel.owes and not (goes or self.lost) and self._in_flight < WINDOW:
            self._start(self._channel.batch())

    def resend_if_silent(self, now: float) -> None:
        """Send again what the peer has not confirmed for 2 s: the call that carried it may be lost.

        ``now`` is monotonic seconds. Call it about every quarter of a second.
        """
        oldest = self._channel.oldest_unconfirmed
        if oldest != self._silent[0] or self._in_flight:
            self._silent = (oldest, now)
        elif oldest and now - self._silent[1] >= SILENCE_S and not self.lost:
            self._silent = (0, now)
            for data in self._channel.unconfirmed_batches():
                self._start(data)

    def close(self, reason: str = "closed") -> None:
        """Fail what waits for answers and send no more."""
        if self.lost:
            return
        self.lost = True
        waiting, self._waiting = self._waiting, {}
        for heard in waiting.values():
            heard(None, PeerGone(f"{self.peer}: {reason}"))
        calls, self._calls = self._calls, {}
        for call in calls:
            call.cancel()
            call.add_done_callback(lambda call: calls[call].close())  # it may have been cancelled before it began

    def _put(self, frame: Frame) -> None:
        if not self.lost:
            self._channel.put(frame)
            self.stir()

    def _flush(self) -> None:
        self.stirred = False
        while self._in_flight < WINDOW and not (self.serving or self.lost or self._channel.full):
            if not self._channel.waiting:
                self.fill()
            if not self._channel.waiting:
                return
            self._start(self._channel.batch())

    def _start(self, data: bytes) -> None:
        self._in_flight += 1
        sent = self._handle.receive(data)
        self._calls[asyncio.get_running_loop().create_task(self._call(data, sent))] = sent

    async def _call(self, data: bytes, sent: Coroutine[Any, Any, bytes]) -> None:
        try:
            back = await self._exchange(data, sent)
        finally:
            self._in_flight -= 1
            self._calls.pop(asyncio.current_task(), None)
        if back is not None:
            _, number, confirmed, frames = open_batch(back)
            rest = self.inbound(number, confirmed, frames)
            if rest:
                self.on_frames(self, rest)
            self._flush()

    async def _exchange(self, data: bytes, sent: Coroutine[Any, Any, bytes]) -> bytes | None:
        """See a call through, and make it again while the peer may come back. None when it is lost."""
        for pause in (*RETRY_S, None):
            try:
                back = await sent
            except PeerUnavailable as why:
                if pause is None:
                    self._give_up(str(why))
                    return None
                await asyncio.sleep(pause)
                sent = self._handle.receive(data)
            except StigmergyError as why:
                self._give_up(str(why))
                return None
            else:
                if not back:
                    self._give_up("it does not know us any more")
                return back or None
        return None

    def _give_up(self, reason: str) -> None:
        if not self.lost:
            self.close(reason)
            self._on_lost(self.peer, reason)


def _settle(future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(answer)
        return
    future.set_exception(error)
    if isinstance(error, PeerGone):
        future.exception()  # whoever waits has its own reference; nobody waiting is fine too


def _ignore(_link: Link, _frames: list[Frame]) -> None:
    return None


def _nothing() -> None:
    return None


class Endpoint:
    """A process's end of all its links."""

    def __init__(self, name: str, on_frames: Callable[[Link, list[Frame]], None]) -> None:
        self.name = name
        self.links: dict[str, Link] = {}
        self._on_frames = on_frames

    def connect(self, peer: str, handle: Handle, on_lost: Callable[[str, str], None]) -> Link:
        """Open the link to a peer."""
        link = Link(self.name, peer, handle, on_lost)
        link.on_frames = self._on_frames
        self.links[peer] = link
        return link

    def disconnect(self, peer: str, reason: str = "closed") -> None:
        """Close the link to a peer and forget it."""
        link = self.links.pop(peer, None)
        if link is not None:
            link.close(reason)

    def arrive(self, data: bytes) -> Link | None:
        """Take in a peer's batch. Returns its link, or None when the peer is not connected (fenced)."""
        peer, number, confirmed, frames = open_batch(data)
        link = self.links.get(peer)
        if link is not None:
            rest = link.inbound(number, confirmed, frames)
            if rest:
                self._on_frames(link, rest)
        return link
