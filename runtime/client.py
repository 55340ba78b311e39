"""The client: the driver's own end of the swarm. Asks from outside begin conversations here.

The id of a request says what is asked, so one that this driver repeats, or its next life, is known as a repeat.
A board may be replaced while requests are on their way. They are kept, and go to its successor in their old order;
whatever the predecessor did already is known there by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from stigmergy.actors.clock import Clock
from stigmergy.actors.transport.channel import Frame
from stigmergy.actors.transport.link import Endpoint, Handle, Link, PeerGone
from stigmergy.protocols.codec import pack as pack_plain
from stigmergy.protocols.codec import unpack as unpack_plain
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import (
    BudgetExhausted,
    DeadlineExceeded,
    MailboxFull,
    StigmergyError,
    SwarmStopped,
    unpack,
)
from stigmergy.protocols.ids import derive_id

from .names import Name, Names

EventHook = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the board that has no answer yet."""

    name: str
    payload: Any
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """An ask from outside that has no answer yet."""

    envelope: Envelope
    answer: asyncio.Future[Envelope]


class Client:
    """Sends from outside, waits for answers, hears events. A `Driver` for the board's links."""

    def __init__(self, name: str, run: str, on_event: EventHook, clock: Clock) -> None:
        """``name`` is the client's address, ``client/<name>``; ``run`` makes its ids differ from other runs'."""
        self.name = name
        self._on_event = on_event
        self._clock = clock
        self._endpoint = Endpoint(name, self._on_frames)
        self._board: Link | None = None
        self._requests: dict[int, Request] = {}
        """In the order in which they were made."""
        self._made = 0
        self._ended = ""
        """Why no other board will come; empty while one may."""
        self._asks: dict[str, Ask] = {}
        self._names = Names(run, name)
        self._early: dict[str, Envelope] | None = None
        """After coming back: answers to what was asked in an earlier life and not yet again in this one."""
        self.stopped: tuple[str, str] | None = None
        """(reason, text) once the swarm has stopped."""
        self.on_lost: Callable[[str], None] = self.give_up
        """Called with the reason when the link to the board has ended; whoever can bring the board back sets it."""

    # -- the driver's service ----------------------------------------------------------------

    async def receive(self, data: bytes) -> bytes:
        """See `Service.receive`."""
        link = self._endpoint.arrive(data)
        return b"" if link is None else link.take()

    def deliver(self, data: bytes) -> None:
        """See `Driver.deliver`."""
        self._endpoint.arrive(data)

    def attach(self, peer: str, handle: Handle) -> None:
        """See `Service.attach`; the peer is the board. What waits for an answer goes out again."""
        self._board = self._endpoint.connect(peer, handle, lambda _peer, reason: self.on_lost(reason))
        unsent = {request.payload[0][0] for request in self._requests.values() if request.name == "send"}
        for ask in self._asks.values():
            if ask.envelope.id not in unsent:
                self._board.tell("send", [list(ask.envelope), None, []])
        for request in self._requests.values():
            self._issue(request)

    def lost(self, peer: str, reason: str) -> None:
        """See `Driver.lost`."""
        if peer in self._endpoint.links:
            self.on_lost(reason)

    def detach(self, reason: str) -> None:
        """The board is gone, and another one will come: requests wait for it."""
        self._board = None
        for peer in list(self._endpoint.links):
            self._endpoint.disconnect(peer, reason)

    def give_up(self, text: str) -> None:
        """No other board will come."""
        self._ended = text
        self._stop("failure", text)
        self._on_event("stopped", {"reason": "failure", "text": text})
        self._fail_requests(PeerGone(text))

    def health(self) -> dict[str, Any]:
        """See `Service.health`."""
        return {"asks": len(self._asks)}

    async def close(self) -> None:
        """See `Service.close`."""
        self._ended = "the swarm is closed"
        self.detach("closed")
        self._fail_all(PeerGone("the swarm is closed"))
        self._fail_requests(PeerGone("the swarm is closed"))

    @property
    def ended(self) -> bool:
        """Whether no other board will come."""
        return bool(self._ended)

    # -- what a driver does ------------------------------------------------------------------

    async def call(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request to the board of this moment, or to its successor.

        Raises: what the board raised, DeadlineExceeded, PeerGone when no other board will come.
        """
        if self._ended:
            raise PeerGone(self._ended)
        self._made += 1
        number, wanted = self._made, Request(request, payload, asyncio.get_running_loop().create_future())
        self._requests[number] = wanted
        self._issue(wanted)
        try:
            return await asyncio.wait_for(wanted.answer, timeout_s)
        except TimeoutError:
            raise DeadlineExceeded(f"the board did not answer {request!r} within {timeout_s:g} s") from None
        finally:
            self._requests.pop(number, None)

    async def call_once(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request that only the board of this moment can answer. Raises: as `call`, and PeerGone when it goes."""
        if self._board is None:
            raise PeerGone("the board is not running")
        return await self._board.call(request, payload, timeout_s=timeout_s)

    async def ask(self, to: str, message_type: str, body: bytes, timeout_s: float, taint: tuple[str, ...]) -> Envelope:
        """Begin a conversation and wait for its answer.

        Raises: SwarmStopped, DeadlineExceeded, MailboxFull, NoSuchAgent, and what the answerer raised.
        """
        name = self._names.take("ask", to, message_type, body)
        envelope = self._envelope(name, "ask", to, message_type, body, taint)
        envelope = envelope._replace(deadline=self._clock.wall() + timeout_s)
        answer: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        early = self._early.pop(envelope.id, None) if self._early else None
        if early is not None:
            answer.set_result(early)
        self._asks[envelope.id] = Ask(envelope, answer)
        try:
            if early is None:
                await self._send(envelope, name)
            reply = await asyncio.wait_for(answer, timeout_s + 2.0)
        except TimeoutError:
            raise DeadlineExceeded(f"{to} did not answer {message_type} within {timeout_s:g} s") from None
        finally:
            self._asks.pop(envelope.id, None)
        if reply.mode == "error":
            raise unpack(reply.type, unpack_plain(reply.body))
        return reply

    async def send(self, mode: Any, to: str, message_type: str, body: bytes, taint: tuple[str, ...]) -> str:
        """Begin a conversation without waiting; returns its id once the message is accepted."""
        name = self._names.take(mode, to, message_type, body)
        envelope = self._envelope(name, mode, to, message_type, body, taint)
        await self._send(envelope, name)
        return envelope.conversation

    async def act(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Change the blackboard at once. Raises: Conflict, ClaimLost, UsageError."""
        name = self._names.take("act", operation, "", pack_plain(arguments))
        return await self.call("act", [operation, arguments, self.name, f"{name.id}:0", ""])

    @property
    def is_back(self) -> bool:
        """Whether `come_back` was called."""
        return self._early is not None

    async def come_back(self) -> None:
        """Go on with a run whose driver died: its stop is over, its verdicts and what agents told are heard again."""
        self._early = {}
        await self.call("resume")

    # -- inside ------------------------------------------------------------------------------

    def _issue(self, request: Request) -> None:
        """Send a request to the board of this moment; without one it waits for `attach`."""
        if self._board is not None:
            sent = self._board.ask(request.name, request.payload)
            sent.add_done_callback(lambda answer: self._answered(request, answer))

    def _answered(self, request: Request, answer: asyncio.Future[Any]) -> None:
        error = answer.exception()
        if request.answer.done() or isinstance(error, PeerGone):
            return  # nobody waits any more, or the next board gets it
        if error is None:
            request.answer.set_result(answer.result())
        else:
            request.answer.set_exception(error)

    async def _send(self, envelope: Envelope, name: Name) -> None:
        if self.stopped is not None:
            self._names.give_back(name)
            raise SwarmStopped(self.stopped[1], self.stopped[0])
        try:
            await self.call("send", [list(envelope), None, []])
        except (MailboxFull, BudgetExhausted, SwarmStopped):
            self._names.give_back(name)  # nothing of it was kept: the next one like it is the first
            raise

    def _envelope(
        self, name: Name, mode: Any, to: str, message_type: str, body: bytes, taint: tuple[str, ...]
    ) -> Envelope:
        return Envelope(
            id=derive_id(name.id, "start"),
            mode=mode,
            type=message_type,
            sender=self.name,
            to=to,
            body=body,
            conversation=name.id,
            taint=taint,
        )

    def _on_frames(self, _link: Link, frames: list[Frame]) -> None:
        for _, _, name, payload in frames:
            if name == "reply":
                _, ask, reply = payload
                asked = self._asks.get(ask)
                if asked is not None and not asked.answer.done():
                    asked.answer.set_result(Envelope.from_wire(reply))
                elif asked is None and self._early is not None:
                    self._early[ask] = Envelope.from_wire(reply)
            elif name == "told":
                envelope = Envelope.from_wire(payload)
                self._tell("told", {"from": envelope.sender, "type": envelope.type, "body": envelope.body})
            elif name == "event":
                event, data = payload
                if event == "stopped":
                    self._stop(data["reason"], data["text"])
                self._tell(event, data)

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        """Pass an event on; what goes wrong there must not cut this driver off from its swarm."""
        try:
            self._on_event(event, data)
        except Exception:  # noqa: BLE001 - it is logged, and the frames behind it are heard
            structlog.get_logger().exception("event_failed", event_name=event)

    def _stop(self, reason: str, text: str) -> None:
        if self.stopped is None:
            self.stopped = (reason, text)
            self._fail_all(SwarmStopped(text, reason))

    def _fail_all(self, error: StigmergyError) -> None:
        for ask in self._asks.values():
            _fail(ask.answer, error)

    def _fail_requests(self, error: StigmergyError) -> None:
        for request in self._requests.values():
            _fail(request.answer, error)


def _fail(answer: asyncio.Future[Any], error: StigmergyError) -> None:
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # whoever waits has its own reference
