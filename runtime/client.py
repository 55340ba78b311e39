"""The client: the driver's own end of the swarm. Asks from outside begin conversations here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from stigmergy.actors.channel import Frame
from stigmergy.actors.clock import Clock
from stigmergy.actors.link import Endpoint, Handle, Link, PeerGone
from stigmergy.protocols.codec import unpack as unpack_plain
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import DeadlineExceeded, StigmergyError, SwarmStopped, unpack
from stigmergy.protocols.ids import derive_id

EventHook = Callable[[str, dict[str, Any]], None]


class Client:
    """Sends from outside, waits for answers, hears events. A `Driver` for the board's links."""

    def __init__(self, name: str, run: str, on_event: EventHook, clock: Clock) -> None:
        """``name`` is the client's address, ``client/<name>``; ``run`` makes its ids differ from other runs'."""
        self.name = name
        self._run = run
        self._on_event = on_event
        self._clock = clock
        self._endpoint = Endpoint(name, self._on_frames)
        self._board: Link | None = None
        self._asks: dict[str, asyncio.Future[Envelope]] = {}
        self._sent = 0
        self._acts = 0
        self.stopped: tuple[str, str] | None = None
        """(reason, text) once the swarm has stopped."""

    # -- the driver's service ----------------------------------------------------------------

    async def receive(self, data: bytes) -> bytes:
        """See `Service.receive`."""
        link = self._endpoint.arrive(data)
        return b"" if link is None else link.take()

    def deliver(self, data: bytes) -> None:
        """See `Driver.deliver`."""
        self._endpoint.arrive(data)

    def attach(self, peer: str, handle: Handle) -> None:
        """See `Service.attach`; the peer is the board."""
        self._board = self._endpoint.connect(peer, handle, self._on_lost)

    def health(self) -> dict[str, Any]:
        """See `Service.health`."""
        return {"asks": len(self._asks)}

    async def close(self) -> None:
        """See `Service.close`."""
        for peer in list(self._endpoint.links):
            self._endpoint.disconnect(peer)
        self._fail_all(PeerGone("the swarm is closed"))

    # -- what a driver does ------------------------------------------------------------------

    async def call(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request to the board. Raises: what the board raised, DeadlineExceeded, PeerGone."""
        if self._board is None:
            raise PeerGone("the swarm is not running")
        return await self._board.call(request, payload, timeout_s=timeout_s)

    async def ask(self, to: str, message_type: str, body: bytes, timeout_s: float, taint: tuple[str, ...]) -> Envelope:
        """Begin a conversation and wait for its answer.

        Raises: SwarmStopped, DeadlineExceeded, MailboxFull, NoSuchAgent, and what the answerer raised.
        """
        envelope = self._envelope("ask", to, message_type, body, taint)._replace(
            deadline=self._clock.wall() + timeout_s
        )
        answer: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        self._asks[envelope.id] = answer
        try:
            await self._send(envelope)
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
        envelope = self._envelope(mode, to, message_type, body, taint)
        await self._send(envelope)
        return envelope.conversation

    async def act(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Change the blackboard at once. Raises: Conflict, ClaimLost, UsageError."""
        self._acts += 1
        op = f"{derive_id(self._run, self.name, 'act', self._acts)}:0"
        return await self.call("act", [operation, arguments, self.name, op, ""])

    # -- inside ------------------------------------------------------------------------------

    async def _send(self, envelope: Envelope) -> None:
        if self.stopped is not None:
            raise SwarmStopped(self.stopped[1], self.stopped[0])
        await self.call("send", [list(envelope), None, []])

    def _envelope(self, mode: Any, to: str, message_type: str, body: bytes, taint: tuple[str, ...]) -> Envelope:
        self._sent += 1
        conversation = derive_id(self._run, self.name, self._sent)
        return Envelope(
            id=derive_id(conversation, "start"),
            mode=mode,
            type=message_type,
            sender=self.name,
            to=to,
            body=body,
            conversation=conversation,
            taint=taint,
        )

    def _on_frames(self, _link: Link, frames: list[Frame]) -> None:
        for _, _, name, payload in frames:
            if name == "reply":
                _, ask, reply = payload
                answer = self._asks.get(ask)
                if answer is not None and not answer.done():
                    answer.set_result(Envelope.from_wire(reply))
            elif name == "told":
                envelope = Envelope.from_wire(payload)
                self._on_event("told", {"from": envelope.sender, "type": envelope.type, "body": envelope.body})
            elif name == "event":
                event, data = payload
                if event == "stopped":
                    self._stop(data["reason"], data["text"])
                self._on_event(event, data)

    def _stop(self, reason: str, text: str) -> None:
        if self.stopped is None:
            self.stopped = (reason, text)
            self._fail_all(SwarmStopped(text, reason))

    def _on_lost(self, _peer: str, reason: str) -> None:
        self._stop("failure", f"the board is gone: {reason}")
        self._on_event("stopped", {"reason": "failure", "text": f"the board is gone: {reason}"})

    def _fail_all(self, error: StigmergyError) -> None:
        for answer in self._asks.values():
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # whoever waits has its own reference
