"""A host: a process that runs many agents, one message at a time each. It holds no truth.

What an agent is made of comes through the `Performer` port; this file knows mailboxes, turns and
links. A host that loses its link to the board stops everything at once: its successor owns the work.
"""

from __future__ import annotations

import asyncio
import importlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import Fenced, StigmergyError, SwarmStopped, pack
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.turn import BURIED, HELD, Delivery, Turn

from .channel import Frame
from .clock import Clock
from .desk import Desk
from .link import Endpoint, Handle, Link, PeerGone
from .replica import Replica

BEAT_S: Final = 1.0
"""How often a host renews its lease and shows that its loop turns."""


class Performer(Protocol):
    """Turns deliveries into turns: knows the user's classes."""

    async def perform(self, desk: Desk, state: bytes | None) -> Turn:
        """Run the handler for one delivery. Never raises; a failure is a turn too."""
        ...

    def settle(self, agent: str, *, committed: bool) -> None:
        """Keep the state that the last turn left, or take back the one before it."""
        ...

    def passivate(self, agent: str) -> None:
        """Forget the live object of an agent; its state is kept by the host."""
        ...

    async def close(self) -> None:
        """Close what performers hold open, such as model clients."""
        ...


@dataclass(slots=True)
class Cell:
    """One agent's place in a host."""

    mailbox: deque[Delivery] = field(default_factory=deque)
    running: asyncio.Task[None] | None = None
    state: bytes | None = None


def open_host(config: dict[str, Any]) -> HostService:
    """Build a host from plain configuration: ``name``, ``performer`` (``module:function``) and what that needs."""
    module, _, function = config["performer"].partition(":")
    performer: Performer = getattr(importlib.import_module(module), function)(config)
    kinds = [KindSpec.from_plain(kind) for kind in config["kinds"]]
    return HostService(config["name"], performer, kinds, Clock())


class HostService:
    """Runs agents on an event loop."""

    def __init__(self, name: str, performer: Performer, kinds: list[KindSpec], clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._performer = performer
        self._reentrant = {kind.name for kind in kinds if kind.reentrant}
        self._cells: dict[str, Cell] = {}
        self._asks: dict[str, asyncio.Future[Envelope]] = {}
        self._endpoint = Endpoint(name, self._on_frames)
        self._board: Link | None = None
        self._replica: Replica | None = None
        self._turns: dict[asyncio.Task[None], None] = {}
        self._beating: asyncio.Task[None] | None = None
        self._beat_at = self._clock.steady()
        self._lost = ""

    async def receive(self, data: bytes) -> bytes:
        """See `Service.receive`."""
        link = self._endpoint.arrive(data)
        return b"" if link is None else link.take()

    def attach(self, peer: str, handle: Handle) -> None:
        """See `Service.attach`; the peer is the board."""
        self._board = self._endpoint.connect(peer, handle, self._on_lost)
        self._replica = Replica(self._board, self._clock)
        self._beating = asyncio.get_running_loop().create_task(self._beat())

    def health(self) -> dict[str, Any]:
        """See `Service.health`. ``stalled_s``: seconds since the loop last turned, beyond its beat."""
        return {
            "stalled_s": max(0.0, self._clock.steady() - self._beat_at - BEAT_S),
            "agents": len(self._cells),
            "turns": len(self._turns),
            "lost": self._lost,
        }

    async def close(self) -> None:
        """See `Service.close`."""
        self._stop("closed")
        await self._performer.close()

    def _on_frames(self, _link: Link, frames: list[Frame]) -> None:
        for _, _, name, payload in frames:
            if name == "deliver":
                self._deliver(Delivery.from_wire(payload))
            elif name == "replica" and self._replica is not None:
                self._replica.change(payload)
            elif name == "reply":
                _, ask, reply = payload
                answer = self._asks.get(ask)
                if answer is not None and not answer.done():
                    answer.set_result(Envelope.from_wire(reply))

    def _deliver(self, delivery: Delivery) -> None:
        cell = self._cells.get(delivery.agent)
        if cell is None:
            cell = self._cells[delivery.agent] = Cell()
        if delivery.agent.partition("/")[0] in self._reentrant:
            _ = self._start(self._turn(cell, delivery))
            return
        cell.mailbox.append(delivery)
        if cell.running is None:
            cell.running = self._start(self._work_off(cell))

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._turns[task] = None
        task.add_done_callback(self._turns.pop)
        return task

    async def _work_off(self, cell: Cell) -> None:
        try:
            while cell.mailbox:
                await self._turn(cell, cell.mailbox.popleft())
        finally:
            cell.running = None

    async def _turn(self, cell: Cell, delivery: Delivery) -> None:
        """Run a turn until it commits, is buried, or is no longer this host's."""
        board, replica = self._board, self._replica
        if board is None or replica is None:
            return
        if delivery.state is not None:  # it ran elsewhere meanwhile: what is alive here is of an earlier time
            cell.state = delivery.state
            self._performer.passivate(delivery.agent)
        desk = Desk(delivery, self._name, board, replica, self._asks, self._clock)
        try:
            while True:
                turn = (await self._performer.perform(desk, cell.state))._replace(host=self._name)
                answer = await self._commit(board, turn)
                self._performer.settle(delivery.agent, committed=answer is None)
                if answer is None:
                    cell.state = cell.state if turn.state is None else turn.state
                    return
                if answer[0] == HELD:
                    cell.mailbox.clear()  # the board has taken back what waits behind the turn
                    return
                if answer[0] == BURIED:
                    return
                _, after_s, attempt, round_ = answer
                await asyncio.sleep(after_s)
                desk.restart(attempt, round_)
        except (Fenced, SwarmStopped, PeerGone):
            # The board decides what becomes of the message; nobody here does.
            self._performer.passivate(delivery.agent)

    async def _commit(self, board: Link, turn: Turn) -> Any:
        """The board's word on a turn; one that cannot even be handed over is a failed one."""
        try:
            return await board.ask("commit", list(turn))
        except (Fenced, SwarmStopped, PeerGone):
            raise
        except StigmergyError as error:
            failed = Turn(turn.message, turn.agent, turn.host, 0, "failed", error=pack(error), retry=False)
            return await board.ask("commit", list(failed))

    async def _beat(self) -> None:
        while True:
            self._beat_at = self._clock.steady()
            if self._board is not None:
                self._board.tell("renew", [self._name])
                self._board.resend_if_silent(self._clock.steady())
            if self._replica is not None:
                self._replica.let_go()
            await asyncio.sleep(BEAT_S)

    def _on_lost(self, _peer: str, reason: str) -> None:
        self._stop(reason)

    def _stop(self, reason: str) -> None:
        self._lost = self._lost or reason
        if self._beating is not None:
            self._beating.cancel()
        for task in list(self._turns):
            task.cancel()
        for peer in list(self._endpoint.links):
            self._endpoint.disconnect(peer, reason)
        for answer in self._asks.values():
            if not answer.done():
                answer.set_exception(PeerGone(reason))
                answer.exception()
