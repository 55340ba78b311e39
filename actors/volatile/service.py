"""The process of a volatile host: its links, its heartbeat, and the way in for who is outside."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from stigmergy.protocols.envelope import Mode
from stigmergy.protocols.errors import MailboxFull, SwarmStopped, UsageError
from stigmergy.protocols.ids import check_address, check_name
from stigmergy.protocols.message import Message, check_message, decode, encode

from ..ending import UNENDING, warn_of
from ..failing import standing
from ..ledger.paths import ROOT
from ..transport.channel import Frame
from ..transport.link import Endpoint, Handle, Link
from .asked import UNTIL_ACCEPTED, Asked
from .course import Course
from .deadlines import expire
from .host import Host
from .letter import Letter, Talk
from .line import Line
from .office import OUTSIDE
from .places import Far, Nowhere, Place
from .slot import Slot

BEAT_S: Final = 0.25
"""How often turns past their time are looked for."""

BOARD: Final = "board"
"""The board's name among peers."""

RENEW_S: Final = 1.0
"""How often the lease is renewed, and at once after the loop stood still for so long."""


class VolatileService:
    """Runs a volatile host on an event loop. See `Service`."""

    def __init__(self, name: str, host: Host, line: Line, run: str, close: Callable[[], Awaitable[None]]) -> None:
        """``name`` is this life of it; a driver's own host, which has no agents, has that of a client.

        ``close`` closes what the host's agents hold open.
        """
        self.host = host
        self.course: Course | None = None
        """How virtual time goes on for a driver, if that is what it runs in."""
        self.fault: Callable[[], str] = str
        """Why it stands still, if it does."""
        self.name = name
        """This life of it, or the name of a client."""
        self._line = line
        self._run = run
        self._close = close
        self._endpoint = Endpoint(name, self._on_frames)
        self._beating: asyncio.Task[None] | None = None
        self._beat_at = time.monotonic()
        self._thread = 0
        """That of the loop; others ask for the health of this host."""
        self._lost = ""
        self._sent = 0
        self._allowance = host.purse.of(f"{ROOT}/kind:{OUTSIDE}")
        self._types = {message.message_type: message for part in host.parts.values() for message in part.acts}
        self._open: dict[Asked, Place] = {}

    async def receive(self, data: bytes) -> bytes:
        """See `Service.receive`."""
        link = self._endpoint.arrive(data)
        if link is None:
            return b""
        mesh = self.host.mesh
        if mesh is None or link is self._line.link:
            return link.take()
        await mesh.serve(link)
        data = link.take()
        link.stir()
        return data

    def deliver(self, data: bytes) -> None:
        """See `Driver.deliver`. Who only listens confirms too, once for all that comes together."""
        link = self._endpoint.arrive(data)
        if link is not None:
            asyncio.get_running_loop().call_soon(link.confirm)

    def attach(self, peer: str, handle: Handle) -> None:
        """See `Service.attach`; the peer is the board, or another host."""
        link = self._endpoint.connect(peer, handle, self.lost)
        if peer != BOARD and self.host.mesh is not None:
            self.host.mesh.connect(link)
            return
        self._line.link = link
        self._thread = threading.get_ident()
        self._beating = self.host.heart = asyncio.get_running_loop().create_task(self._beat())

    def lost(self, peer: str, reason: str) -> None:
        """See `Driver.lost`: the link to a peer has ended."""
        if peer not in self._endpoint.links:
            return
        self._endpoint.disconnect(peer, reason)
        if peer != BOARD and self.host.mesh is not None:
            self.host.mesh.lost(peer, reason)
            if not peer.startswith(f"{OUTSIDE}/"):
                self._line.tell("lost", [peer, reason])
            return
        self._lost = self._lost or reason
        self.stop("failure", reason)

    def health(self) -> dict[str, Any]:
        """See `Service.health`."""
        stalled_s = max(0.0, time.monotonic() - self._beat_at - BEAT_S)
        return {
            "stalled_s": stalled_s,
            "at": standing(self._thread) if stalled_s else "",
            "agents": len(self.host.places),
            "turns": len(self.host.turns),
            "lost": self._lost or self.fault(),
        }

    async def close(self) -> None:
        """See `Service.close`."""
        if self._beating is not None:
            self._beating.cancel()
        late = await self.host.close()
        self.stop("user", "the swarm is closed")
        await self._close()
        for peer in list(self._endpoint.links):
            self._endpoint.disconnect(peer)
        warn_of(late, UNENDING)

    # -- from outside ------------------------------------------------------------------------

    async def ask(self, client: str, to: str, message: Message, timeout_s: float, taint: tuple[str, ...]) -> Message:
        """Begin a conversation and wait for its answer. Raises: what an ask raises."""
        place, letter, asked = await self._letter(client, to, message, taint, Asked())
        asked.deadline, asked.patience_s = self.host.now() + timeout_s, timeout_s
        if type(place) is Nowhere:
            self.host.bury(letter, place.name, place.reason, place.error)
            raise place.error
        self._open[asked] = place
        timer = self.host.timer(timeout_s, asked.expire, place.name) if timeout_s < self.host.exact_s else None
        try:
            self._put(place, letter)
            if self.course is not None:
                await self.course.until(asked.done)
            answer: Message = (await asked.future())[0]
            return answer
        finally:
            del self._open[asked]
            if timer is not None:
                timer.cancel()

    async def send(self, mode: Mode, client: str, to: str, message: Message, taint: tuple[str, ...]) -> str:
        """Begin a conversation without waiting; returns its id."""
        place, letter, _ = await self._letter(client, to, message, taint, None, topic=mode == "post")
        if type(place) is Nowhere:
            self.host.bury(letter, place.name, place.reason, place.error)
            raise place.error
        if type(place) is Far and self.course is None:
            accepted = Asked()
            accepted.deadline = UNTIL_ACCEPTED
            self._put(place, letter._replace(asked=accepted))
            await accepted.future()
        else:
            self._put(place, letter)
        return letter.talk.id

    def _put(self, place: Place, letter: Letter) -> None:
        host = self.host
        if host.inline and type(place) is Slot and not host.ready:
            more = host.run(place, letter)
            host.part()
            if more is not None:
                host.spawn(more)
        else:
            host.office.put(place, letter)

    async def _letter(
        self, client: str, to: str, message: Message, taint: tuple[str, ...], asked: Any, *, topic: bool = False
    ) -> tuple[Place, Letter, Any]:
        host, allowance = self.host, self._allowance
        if host.stopped is not None:
            raise SwarmStopped(host.stopped[1], host.stopped[0])
        if host.mesh is not None:
            await host.mesh.ready()
        check_message(message)
        native = self._types.get(message.message_type)
        if native is not None and native is not type(message):
            message = decode(native, encode(message))
        place: Place = host.office.topic(check_name(to, "topic")) if topic else host.office.find(check_address(to))
        if type(place) is Slot and place.full:
            raise place.refusal()
        if type(place) is Far and place.road.full:
            many = f"{place.road.waiting:,} messages wait for the host of {to}"
            raise MailboxFull(f"{many}: wait for answers before you send more")
        while allowance.left < 1:
            await host.purse.refill(allowance, 1)
        if host.stopped is not None:  # meanwhile
            raise SwarmStopped(host.stopped[1], host.stopped[0])
        allowance.left -= 1
        self._sent += 1
        talk = Talk(self._run, client, self._sent)
        return place, Letter(message, client, self._sent, talk, "", 0, 0, taint, asked), asked

    async def run(self, rounds: int | None) -> int:
        """Let virtual time go on; see `Course.run`. Raises: UsageError when time is real."""
        if self.course is None:
            raise UsageError("time runs by itself in this swarm; for rounds write Swarm(clock='lockstep')")
        return await self.course.run(rounds)

    def stop(self, reason: str, text: str) -> None:
        """The swarm has stopped: nothing new begins, and who asked from outside hears why."""
        self.host.stopped = self.host.stopped or (reason, text)
        if self.course is not None:
            self.course.halt()
        for asked in list(self._open):
            if not asked.done():
                asked.fail(SwarmStopped(text, reason))

    async def request(self, name: str, payload: Any = None) -> Any:
        """A request to the board. Raises: what the board raises, PeerGone."""
        return await self._line.ask(name, payload)

    async def meet(self) -> None:
        """Learn which hosts there are, and wait until everybody is where that puts him. Raises: PeerGone."""
        if self.host.mesh is None:
            return
        if self.course is not None:
            await self._line.ask("when settled")  # who goes by rounds begins with all
        self.host.mesh.see(await self._line.ask("hosts"))
        await self._line.ask("when settled")

    async def settle(self) -> int:
        """Tell the ledger what has been sent so far, here and on all hosts. Returns how many letters wait there."""
        mesh = self.host.mesh
        waiting = 0 if mesh is None else sum(await mesh.ask_all("settle"))
        await self.host.purse.give_back()
        return waiting + self.host.waiting

    # -- inside ------------------------------------------------------------------------------

    def _on_frames(self, link: Link, frames: list[Frame]) -> None:
        if link is not self._line.link:
            if self.host.mesh is not None:
                self.host.mesh.frames(link, frames)
            return
        for _, _, name, payload in frames:
            if name == "stopped":
                self.stop(*payload)
            elif name == "event" and payload[0] == "stopped":  # a driver hears of it so
                self.stop(payload[1]["reason"], payload[1]["text"])
            elif name == "hosts" and self.host.mesh is not None:
                self.host.mesh.see(payload)

    async def _beat(self) -> None:
        renewed = -math.inf
        while True:
            self._beat_at = time.monotonic()
            if self._beat_at - renewed >= RENEW_S and not self.name.startswith(f"{OUTSIDE}/"):
                renewed = self._beat_at
                self._line.tell("renew", [self.name])
            for link in list(self._endpoint.links.values()):
                link.resend_if_silent(self._beat_at)
            if self.host.later is None:  # else each round does it
                self.host.sweep()
                expire(self._open, self.host.now())
            await asyncio.sleep(BEAT_S)
