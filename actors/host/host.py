"""A host: a process that runs many agents, one message at a time each. It holds no truth.

What an agent is made of comes through the `Performer` port; this file knows mailboxes, turns and
links. A host that loses its link to the board stops everything at once: its successor owns the work.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from typing import Any, Final

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.turn import Delivery

from .. import ending
from ..clock import REAL, Clock
from ..ending import cancelled, cut_off, is_stopping, warn_of
from ..failing import standing
from ..transport.channel import Frame
from ..transport.link import Endpoint, Handle, Link
from .boards import Boards
from .cell import Cell
from .desk import Desk
from .idle import IdleLimits
from .leaving import Leaving
from .performer import Performer
from .runner import Runner
from .underway import Underway

STRETCH: Final = 32
"""Turns that leave together. Fewer in a call to the board are more calls, each of about a millisecond."""

BEAT_S: Final = 1.0
"""How often a host renews its lease and shows that its loop turns."""


def open_host(config: dict[str, Any], clock: Clock = REAL) -> HostService:
    """Build a host from plain configuration: ``name``, ``apart``, ``performer`` (``module:function``) and its own."""
    module, _, function = config["performer"].partition(":")
    performer: Performer = getattr(importlib.import_module(module), function)(config)
    kinds = [KindSpec.from_plain(kind) for kind in config["kinds"]]
    boards, idle = Boards(config.get("shards", 1), clock), IdleLimits(**config.get("idle", {}))
    stretch = STRETCH if config.get("apart") else sys.maxsize
    return HostService(config["name"], performer, kinds, boards, clock, idle, stretch)


class HostService:
    """Runs agents on an event loop."""

    def __init__(
        self,
        name: str,
        performer: Performer,
        kinds: list[KindSpec],
        boards: Boards,
        clock: Clock,
        idle: IdleLimits | None = None,
        stretch: int = sys.maxsize,
    ) -> None:
        """``stretch``: turns between two of the event loop; all there are where the board is in this process."""
        self._name = name
        self._clock = clock
        self._performer = performer
        self._reentrant = {kind.name for kind in kinds if kind.reentrant}
        self._cells: dict[str, Cell] = {}
        self._asks: dict[str, asyncio.Future[Envelope]] = {}
        self._underway = Underway()
        self._underway.ending = lambda: is_stopping(self._beating)
        self._endpoint = Endpoint(name, self._on_frames)
        self._boards = boards
        self._leaving = Leaving(self._cells, boards, performer, idle or IdleLimits())
        self._early: list[Delivery] = []
        """What came before all boards had taken this host in."""
        ahead = frozenset(kind.name for kind in kinds if kind.runs_ahead)
        self._runner = Runner(performer, boards, ahead, self._desk, self._rest, stretch)
        self._beating: asyncio.Task[None] | None = None
        self._beat_at = self._clock.steady()
        self._thread = 0
        """That of the loop; others ask for the health of this host."""
        self._lost = ""
        self._halted = False

    async def receive(self, data: bytes) -> bytes:
        """See `Service.receive`."""
        link = self._endpoint.arrive(data)
        return b"" if link is None else link.take()

    def attach(self, peer: str, handle: Handle) -> None:
        """See `Service.attach`; the peer is a board."""
        self._thread = threading.get_ident()
        self._boards.add(peer, self._endpoint.connect(peer, handle, self._on_lost))
        if self._beating is None:
            self._beating = asyncio.get_running_loop().create_task(self._beat())

    def health(self) -> dict[str, Any]:
        """See `Service.health`. ``stalled_s``: seconds since the loop last turned, beyond its beat; ``at``: where."""
        stalled_s = max(0.0, self._clock.steady() - self._beat_at - BEAT_S)
        return {
            "stalled_s": stalled_s,
            "at": standing(self._thread) if stalled_s else "",
            "agents": len(self._cells),
            "turns": len(self._runner.tasks),
            "lost": self._lost,
        }

    async def close(self) -> None:
        """See `Service.close`. Calls of tools that have begun may end first, while the board is still there."""
        if not self._lost:
            await self._underway.close()
        self._stop("closed")
        running = dict(self._runner.tasks)
        late = await cancelled(running, ending.FAREWELL_S)
        cut_off(late)
        await self._performer.close()
        warn_of(filter(None, map(running.get, late)), ending.UNENDING)

    def _on_frames(self, link: Link, frames: list[Frame]) -> None:
        for _, _, name, payload in frames if not self._halted else ():
            if name == "deliver":
                self._deliver(Delivery.from_wire(payload))
            elif name == "replica":
                self._boards.change(link, payload)
            elif name == "held" and payload in self._cells:
                self._cells[payload].mailbox.clear()  # now: what comes behind this word is to be kept
            elif name == "reply":
                _, ask, reply = payload
                answer = self._asks.get(ask)
                if answer is not None and not answer.done():
                    answer.set_result(Envelope.from_wire(reply))
            elif name == "joined":
                self._boards.has_joined(payload)
                early, self._early = self._early, []
                for delivery in early:
                    self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        if not self._boards.ready:
            self._early.append(delivery)
            return
        cell = self._cells.get(delivery.agent)
        if cell is None:
            cell = self._cells[delivery.agent] = Cell(delivery.agent)
        self._leaving.works(delivery.agent)
        if delivery.agent.partition("/")[0] in self._reentrant:
            _ = self._runner.start(self._beside(cell, delivery), cell.agent)
            return
        cell.mailbox.append(delivery)
        self._runner.work(cell)

    def _rest(self, cell: Cell) -> None:
        self._leaving.rests(cell, self._clock.steady())

    async def _beside(self, cell: Cell, delivery: Delivery) -> None:
        """Run a turn of a reentrant kind beside others."""
        cell.beside += 1
        try:
            await self._runner.turn(cell, delivery)
        finally:
            cell.beside -= 1
            self._rest(cell)

    def _desk(self, cell: Cell, delivery: Delivery) -> Desk:
        boards = self._boards
        errand = boards.errand(delivery.agent, delivery.envelope.id, delivery.envelope.conversation)
        board = errand or boards.home(delivery.agent)
        desk = Desk(delivery, self._name, board, boards, self._asks, self._clock, cell.settled)
        desk.underway = self._underway
        if errand is not None:
            desk.acted = errand.acted
        return desk

    async def _beat(self) -> None:
        while True:
            self._beat_at = self._clock.steady()
            for board in self._boards:
                board.tell("renew", [self._name])
                board.resend_if_silent(self._clock.steady())
            self._leaving.look(self._clock.steady(), self._runner.start, self._runner.work)
            self._boards.let_go()
            await asyncio.sleep(BEAT_S)

    def _on_lost(self, _peer: str, reason: str) -> None:
        if self._boards.several:
            self._halt()
        else:
            self._stop(reason)

    def _stop(self, reason: str) -> None:
        self._lost = self._lost or reason
        self._halt()
        for peer in list(self._endpoint.links):
            self._endpoint.disconnect(peer, reason)

    def _halt(self) -> None:
        """Do nothing more. Of several boards those that are left hear from others what becomes of this host."""
        self._halted = True
        if self._beating is not None:
            self._beating.cancel()
        self._runner.halt()
        for answer in self._asks.values():
            answer.cancel()  # whoever still waits was left behind by a turn that is over
