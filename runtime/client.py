"""The client: the driver's own end of the swarm. Asks from outside begin conversations here.

The id of a request says what is asked, so one that this driver repeats, or its next life, is known as a repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import structlog

from stigmergy.actors.board.neighbours import shard_of
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

from .correspondence import Correspondence
from .early import EarlyAnswers
from .line import CALL_S, Line, fail
from .names import Name, Names
from .switchboard import Switchboard

EventHook = Callable[[str, dict[str, Any]], None]


GRACE_S: Final = 2.0
"""How much longer a driver waits for an answer than it may take: it may be on its way."""


class Ask(NamedTuple):
    """An ask from outside that has no answer yet."""

    request: list[Any]
    """As it goes out; last come the seconds that are left then."""
    until: float
    """When its time is over, on the steady clock."""
    answer: asyncio.Future[Envelope]
    line: Line
    """The way to the shard that has it."""


class Client:
    """Sends from outside, waits for answers, hears events. A `Driver` for the board's links."""

    def __init__(self, name: str, run: str, on_event: EventHook, clock: Clock, shards: int = 1) -> None:
        """``name`` is the client's address, ``client/<name>``; ``run`` makes its ids differ from other runs'."""
        self.name = name
        self._on_event = on_event
        self._clock = clock
        self._endpoint = Endpoint(name, self._on_frames)
        self.shards = Switchboard([Line() for _ in range(shards)])
        self._letters = [Correspondence() for _ in range(shards)]
        """What agents have told, by shard."""
        self._ended = ""
        """Why no other board will come; empty while one may."""
        self._asks: dict[str, Ask] = {}
        self._names = Names(run, name)
        self._early: EarlyAnswers | None = None
        """After coming back."""
        self._back: asyncio.Future[Any] | None = None
        """Coming back, done or under way."""
        self.stopped: tuple[str, str] | None = None
        """(reason, text) once the swarm has stopped."""
        self.on_lost: Callable[[str, str], None] = lambda _peer, reason: self.give_up(reason)
        """Called with board and reason when a link has ended; whoever can bring the board back sets it."""
        self.on_end: Callable[[str], None] = lambda _text: None
        """Called when no other board will come."""

    # -- the driver's service ----------------------------------------------------------------

    async def receive(self, data: bytes) -> bytes:
        """See `Service.receive`."""
        link = self._endpoint.arrive(data)
        return b"" if link is None else link.take()

    def deliver(self, data: bytes) -> None:
        """See `Driver.deliver`. Who only listens confirms too, once for all that comes together."""
        link = self._endpoint.arrive(data)
        if link is not None:
            asyncio.get_running_loop().call_soon(link.confirm)

    def attach(self, peer: str, handle: Handle) -> None:
        """See `Service.attach`; the peer is a board. What waits for an answer goes out again."""
        board = self._endpoint.connect(peer, handle, self.on_lost)
        line = self.shards.lines[shard_of(peer)]
        letters = self._letters[shard_of(peer)]
        if letters.begun:  # there was a board before this one
            board.tell("heard", letters.heard)
        letters.begun = True
        unsent = line.unsent
        for asked, ask in self._asks.items():
            if ask.line is line:
                ask.request[-1] = ask.until - self._clock.steady()
                if asked not in unsent:
                    board.tell("send", ask.request)
        line.attach(board)

    def lost(self, peer: str, reason: str) -> None:
        """See `Driver.lost`."""
        if peer in self._endpoint.links:
            self.on_lost(peer, reason)

    def detach(self, reason: str, shard: int | None = None) -> None:
        """A board is gone, or all are, and others will come: requests wait for them."""
        for peer in list(self._endpoint.links):
            if shard in {None, shard_of(peer)}:
                self.shards.lines[shard_of(peer)].detach()
                self._endpoint.disconnect(peer, reason)

    def give_up(self, text: str) -> None:
        """No other board will come."""
        self._ended = text
        self._stop("failure", text)
        self._on_event("stopped", {"reason": "failure", "text": text})
        self.shards.end(text)
        self.on_end(text)

    def health(self) -> dict[str, Any]:
        """See `Service.health`."""
        return {"asks": len(self._asks)}

    async def close(self) -> None:
        """See `Service.close`."""
        self._ended = "the swarm is closed"
        self.detach("closed")
        self._fail_all(PeerGone("the swarm is closed"))
        self.shards.end("the swarm is closed")

    @property
    def ended(self) -> bool:
        """Whether no other board will come."""
        return bool(self._ended)

    # -- what a driver does ------------------------------------------------------------------

    async def call(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request to the boards of this moment, or to their successors. Raises: as `Line.call`."""
        return await self.shards.call(request, payload, timeout_s=timeout_s)

    async def call_once(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request that only the boards of this moment can answer. Raises: as `Line.call_once`."""
        return await self.shards.call_once(request, payload, timeout_s=timeout_s)

    async def ask(self, to: str, message_type: str, body: bytes, timeout_s: float, taint: tuple[str, ...]) -> Envelope:
        """Begin a conversation and wait for its answer.

        Raises: SwarmStopped, DeadlineExceeded, MailboxFull, NoSuchAgent, and what the answerer raised.
        """
        name = self._names.take("ask", to, message_type, body)
        envelope = self._envelope(name, "ask", to, message_type, body, taint)
        until = self._clock.steady() + timeout_s
        reply: Envelope | None = None
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                reply = await self._answer_to(envelope, name, until)
        except TimeoutError:
            raise DeadlineExceeded(f"{to} did not answer {message_type} within {timeout_s:g} s") from None
        finally:
            self._asks.pop(envelope.id, None)
            if reply is None and self._early is not None:
                self._early.give_up(envelope.id)
        if reply.mode == "error":
            raise unpack(reply.type, unpack_plain(reply.body))
        return reply

    async def send(self, mode: Any, to: str, message_type: str, body: bytes, taint: tuple[str, ...]) -> str:
        """Begin a conversation without waiting; returns its id once the message is accepted."""
        name = self._names.take(mode, to, message_type, body)
        envelope = self._envelope(name, mode, to, message_type, body, taint)
        await self._send(await self._line_for(envelope, name), [list(envelope), None, []], name)
        return envelope.conversation

    async def act(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Change the blackboard at once. Raises: Conflict, ClaimLost, UsageError."""
        name = self._names.take("act", operation, "", pack_plain(arguments))
        return await self.call("act", [operation, arguments, self.name, f"{name.id}:0", ""])

    async def come_back(self) -> None:
        """Go on with a run whose driver died: its stop is over, its verdicts and what agents told are heard again.

        A second call changes nothing, and waits until that is done; after a failure it tries once more.
        """
        if self._back is None:
            self._early = EarlyAnswers() if self._early is None else self._early
            self._back = asyncio.ensure_future(self.call("resume"))
        try:
            await asyncio.shield(self._back)
        except StigmergyError:
            self._back = None
            raise

    async def stop(self, reason: str, text: str) -> None:
        """Stop the swarm, unless something else has; whoever waits here hears of it.

        When no board can be told now, nothing more is sent from here, and the next board hears of it as it comes.
        """
        try:
            await self.call("stop", [reason, text])
        finally:
            self._stop(reason, text)

    # -- inside ------------------------------------------------------------------------------

    async def _answer_to(self, envelope: Envelope, name: Name, until: float) -> Envelope:
        line = await self._line_for(envelope, name)
        early = None if self._early is None else self._early.take(envelope.id)
        if early is not None:
            return early
        request = [list(envelope), None, [], until - self._clock.steady()]
        ask = self._asks[envelope.id] = Ask(request, until, asyncio.get_running_loop().create_future(), line)
        await self._send(line, request, name, timeout_s=None)
        return await ask.answer

    async def _line_for(self, envelope: Envelope, name: Name) -> Line:
        """The line by which a message goes; without one nothing was sent, and the next one like it is the first."""
        try:
            return await self.shards.line_for(envelope)
        except BaseException:
            self._names.give_back(name)
            raise

    async def _send(self, line: Line, request: list[Any], name: Name, timeout_s: float | None = CALL_S) -> None:
        if self.stopped is not None:
            self._names.give_back(name)
            raise SwarmStopped(self.stopped[1], self.stopped[0])
        try:
            await line.call("send", request, timeout_s=timeout_s)
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

    def _on_frames(self, link: Link, frames: list[Frame]) -> None:
        for _, _, name, payload in frames:
            if name == "reply":
                _, ask, reply = payload
                asked = self._asks.get(ask)
                if asked is not None and not asked.answer.done():
                    asked.answer.set_result(Envelope.from_wire(reply))
                elif asked is None and self._early is not None:
                    self._early.keep(ask, Envelope.from_wire(reply))
            elif name == "letter":
                for letter in self._letters[shard_of(link.peer)].take(*payload):
                    self._told(letter)
            elif name == "told":  # by an agent without a journal, so nobody can tell it again
                self._told(payload)
            elif name == "event":
                event, data = payload
                if event == "stopped":
                    self._stop(data["reason"], data["text"])
                self._tell(event, data)

    def _told(self, letter: Any) -> None:
        envelope = Envelope.from_wire(letter)
        self._tell("told", {"from": envelope.sender, "type": envelope.type, "body": envelope.body})

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
            self.shards.refuse(SwarmStopped(text, reason))

    def _fail_all(self, error: StigmergyError) -> None:
        for ask in self._asks.values():
            fail(ask.answer, error)
