"""A host: a process that runs many agents, one message at a time each. It holds no truth.

What an agent is made of comes through the `Performer` port; this file knows mailboxes, turns and
links. A host that loses its link to the board stops everything at once: its successor owns the work.
"""

from __future__ import annotations

import asyncio
import importlib
from functools import partial
from typing import Any, Final

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import Fenced, StigmergyError, SwarmStopped, pack
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.turn import BURIED, HELD, Delivery, Turn

from ..clock import REAL, Clock
from ..transport.channel import Frame
from ..transport.link import Endpoint, Handle, Link, PeerGone
from .boards import Boards
from .cell import Cell, Flight, Undone
from .desk import Desk
from .idle import IdleLimits
from .leaving import Leaving
from .pace import Pace
from .performer import Performer
from .underway import Underway

BEAT_S: Final = 1.0
"""How often a host renews its lease and shows that its loop turns."""


def open_host(config: dict[str, Any], clock: Clock = REAL) -> HostService:
    """Build a host from plain configuration: ``name``, ``apart``, ``performer`` (``module:function``) and its own."""
    module, _, function = config["performer"].partition(":")
    performer: Performer = getattr(importlib.import_module(module), function)(config)
    kinds = [KindSpec.from_plain(kind) for kind in config["kinds"]]
    boards, idle = Boards(config.get("shards", 1), clock), IdleLimits(**config.get("idle", {}))
    return HostService(config["name"], performer, kinds, boards, clock, idle, Pace() if config.get("apart") else None)


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
        pace: Pace | None = None,
    ) -> None:
        """``pace`` is for a host that has a process of its own; else the board could do nothing in between."""
        self._name = name
        self._pace = pace
        self._clock = clock
        self._performer = performer
        self._reentrant = {kind.name for kind in kinds if kind.reentrant}
        self._runs_ahead = {kind.name for kind in kinds if kind.runs_ahead}
        self._cells: dict[str, Cell] = {}
        self._asks: dict[str, asyncio.Future[Envelope]] = {}
        self._underway = Underway()
        self._endpoint = Endpoint(name, self._on_frames)
        self._boards = boards
        self._leaving = Leaving(self._cells, boards, performer, idle or IdleLimits())
        self._early: list[Delivery] = []
        """What came before all boards had taken this host in."""
        self._turns: dict[asyncio.Task[None], None] = {}
        self._beating: asyncio.Task[None] | None = None
        self._beat_at = self._clock.steady()
        self._lost = ""
        self._halted = False

    async def receive(self, data: bytes) -> bytes:
        """See `Service.receive`."""
        link = self._endpoint.arrive(data)
        return b"" if link is None else link.take()

    def attach(self, peer: str, handle: Handle) -> None:
        """See `Service.attach`; the peer is a board."""
        self._boards.add(peer, self._endpoint.connect(peer, handle, self._on_lost))
        if self._beating is None:
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
        """See `Service.close`. Calls of tools that have begun may end first, while the board is still there."""
        if not self._lost:
            await self._underway.close()
        self._stop("closed")
        await asyncio.gather(*self._turns, return_exceptions=True)
        await self._performer.close()

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
            _ = self._start(self._beside(cell, delivery))
            return
        cell.mailbox.append(delivery)
        self._work(cell)

    def _work(self, cell: Cell) -> None:
        if cell.running is None:
            cell.running = self._start(self._work_off(cell))

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._turns[task] = None
        task.add_done_callback(self._turns.pop)
        return task

    async def _work_off(self, cell: Cell) -> None:
        try:
            while cell.refused or cell.mailbox:
                if self._pace is not None:
                    await self._pace.begin()
                if cell.refused:
                    await self._see_through(cell, cell.take_back())
                elif cell.mailbox:
                    await self._turn(cell, cell.mailbox.popleft())
        finally:
            cell.running = None
            self._rest(cell)

    def _rest(self, cell: Cell) -> None:
        self._leaving.rests(cell, self._clock.steady())

    async def _beside(self, cell: Cell, delivery: Delivery) -> None:
        """Run a turn of a reentrant kind beside others."""
        cell.beside += 1
        try:
            if self._pace is not None:
                await self._pace.begin()
            await self._turn(cell, delivery)
        finally:
            cell.beside -= 1
            self._rest(cell)

    async def _turn(self, cell: Cell, delivery: Delivery) -> None:
        """Run a turn and send it off; only one that failed, or may not be run ahead of, is waited for."""
        kind, board, boards = delivery.agent.partition("/")[0], self._boards.home(delivery.agent), self._boards
        errand = boards.errand(delivery.agent, delivery.envelope.id, delivery.envelope.conversation)
        desk = Desk(delivery, self._name, errand or board, boards, self._asks, self._clock, cell.settled)
        desk.underway = self._underway
        try:
            if delivery.state is not None:  # it ran elsewhere meanwhile: what is alive here is of an earlier time
                await cell.settled()
                cell.state = delivery.state
                await self._performer.passivate(delivery.agent)
            if delivery.steps:
                await cell.settled()
            turn = await self._perform(desk, cell)
            if turn.outcome != "done":
                await cell.settled()
        except (Undone, BaseExceptionGroup):
            if not cell.refused:
                raise
        if cell.refused:
            desk.abandon()
            cell.mailbox.appendleft(delivery)
            return
        turn = turn._replace(host=self._name, after=cell.newest, acted=() if errand is None else tuple(errand.acted))
        flight = Flight(desk, turn, board.ask("commit", list(turn)))
        if turn.outcome == "done" and kind in self._runs_ahead:
            cell.flights.append(flight)
            flight.answer.add_done_callback(partial(self._answered, cell))
        else:
            await self._see_through(cell, flight)

    async def _perform(self, desk: Desk, cell: Cell) -> Turn:
        turn = await self._performer.perform(desk, cell.state)
        return await self._boards.checked(turn) if turn.writes and self._boards.several else turn

    def _answered(self, cell: Cell, answer: asyncio.Future[Any]) -> None:
        if not answer.cancelled():
            answer.exception()  # it is looked at with its flight, if that has not been taken back
        for turn in cell.committed():
            self._keep(cell, turn)
        if cell.refused and not self._lost:
            self._work(cell)
        self._rest(cell)

    def _keep(self, cell: Cell, turn: Turn) -> None:
        self._performer.keep(turn.agent, turn.state)
        if turn.state is not None:
            cell.state = turn.state

    async def _see_through(self, cell: Cell, flight: Flight) -> None:
        """Follow a turn until it commits, is buried, or is no longer this host's."""
        board, desk, turn, answer = self._boards.home(cell.agent), flight.desk, flight.turn, flight.answer
        try:
            while (said := await self._word(board, turn, answer)) is not None:
                self._performer.take_back(turn.agent)
                if said[0] in {HELD, BURIED}:
                    return
                _, after_s, attempt, round_ = said
                await asyncio.sleep(after_s)
                desk.restart(attempt, round_)
                turn = (await self._perform(desk, cell))._replace(host=self._name)
                answer = board.ask("commit", list(turn))
            self._keep(cell, turn)
        except (Fenced, SwarmStopped, PeerGone):
            # The board decides what becomes of the message; nobody here does.
            self._performer.forget(turn.agent)

    async def _word(self, board: Link, turn: Turn, answer: asyncio.Future[Any]) -> Any:
        """The board's word on a turn; one that cannot even be handed over is a failed one."""
        try:
            return await answer
        except (Fenced, SwarmStopped, PeerGone):
            raise
        except StigmergyError as error:
            failed = Turn(turn.message, turn.agent, turn.host, 0, "failed", error=pack(error), retry=False)
            return await board.ask("commit", list(failed))

    async def _beat(self) -> None:
        while True:
            self._beat_at = self._clock.steady()
            for board in self._boards:
                board.tell("renew", [self._name])
                board.resend_if_silent(self._clock.steady())
            self._leaving.look(self._clock.steady(), self._start, self._work)
            self._boards.let_go()
            await asyncio.sleep(BEAT_S)

    def _on_lost(self, _peer: str, reason: str) -> None:
        if self._boards.several:
            self._halt(reason)
        else:
            self._stop(reason)

    def _stop(self, reason: str) -> None:
        self._lost = self._lost or reason
        self._halt(reason)
        for peer in list(self._endpoint.links):
            self._endpoint.disconnect(peer, reason)

    def _halt(self, reason: str) -> None:
        """Do nothing more. Of several boards those that are left hear from others what becomes of this host."""
        self._halted = True
        if self._beating is not None:
            self._beating.cancel()
        for task in list(self._turns):
            task.cancel()
        for answer in self._asks.values():
            if not answer.done():
                answer.set_exception(PeerGone(reason))
                answer.exception()
