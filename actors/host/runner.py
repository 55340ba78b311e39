"""The runner of a host: has agents run their turns, and sees each turn through to its commit.

The rule of this file: a turn that need not wait is run where it stands. It is sent off and its agent goes on, unless it
failed or its kind waits for each commit; what was run ahead of a turn that did not commit runs again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from stigmergy.protocols.errors import Fenced, StigmergyError, SwarmStopped, pack
from stigmergy.protocols.turn import BURIED, HELD, Delivery, Turn

from ..transport.link import Link, PeerGone
from .boards import Boards
from .cell import Cell, Flight, Undone
from .desk import Desk
from .performer import Begun, Performer
from .queue import RunQueue


class Runner:
    """Runs the turns of cells."""

    def __init__(
        self,
        performer: Performer,
        boards: Boards,
        runs_ahead: frozenset[str],
        desk: Callable[[Cell, Delivery], Desk],
        rest: Callable[[Cell], None],
        stretch: int,
    ) -> None:
        """``runs_ahead``: kinds whose agents go on before a turn has committed.

        ``rest`` is told of a cell that may have nothing to do; ``stretch``: turns between two of the event loop.
        """
        self._performer = performer
        self._boards = boards
        self._runs_ahead = runs_ahead
        self._desk = desk
        self._rest = rest
        self._queue = RunQueue(self._run, stretch)
        self._halted = False
        self.tasks: dict[asyncio.Task[None], str] = {}
        """What waits, and whose it is: turns, and what else was started here."""

    def work(self, cell: Cell) -> None:
        """A cell has something to do."""
        if cell.running is None:
            self._queue.add(cell)

    def start(self, work: Coroutine[Any, Any, None], agent: str = "") -> asyncio.Task[None]:
        """Start something that ends with this host."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks[task] = agent
        task.add_done_callback(self.tasks.pop)
        return task

    def halt(self) -> None:
        """Begin nothing more, and break off what waits."""
        self._halted = True
        for task in list(self.tasks):
            task.cancel()

    async def turn(self, cell: Cell, delivery: Delivery) -> None:
        """Run a turn that may have to wait before it begins, and see to what becomes of it."""
        try:
            if delivery.state is not None:  # it ran elsewhere meanwhile: what is alive here is of an earlier time
                await cell.settled()
                cell.state = delivery.state
                await self._performer.passivate(delivery.agent)
            if delivery.steps:
                await cell.settled()
        except Undone:
            cell.mailbox.appendleft(delivery)
            return
        desk = self._desk(cell, delivery)
        await self._finish(cell, desk, self._performer.begin(desk, cell.state))

    def _run(self, cell: Cell, most: int) -> int:
        """Let an agent have so many turns at most, or those before one that has to wait. Returns how many it had."""
        number = 0
        while cell.mailbox and number < most and not (cell.running or cell.refused or self._halted):
            number += 1
            rest = self._begin(cell, cell.mailbox.popleft())
            if rest is not None:
                self._await(cell, rest)
        if not (cell.running or self._halted):
            if cell.refused:
                self._await(cell, self._see_through(cell, cell.take_back()))
            elif cell.mailbox:
                self._queue.add(cell)
            else:
                self._rest(cell)
        return number

    def _await(self, cell: Cell, work: Coroutine[Any, Any, None]) -> None:
        cell.running = self.start(self._see_to(cell, work), cell.agent)
        cell.running.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began

    async def _see_to(self, cell: Cell, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            cell.running = None
            if (cell.refused or cell.mailbox) and not self._halted:
                self.work(cell)
            self._rest(cell)

    def _begin(self, cell: Cell, delivery: Delivery) -> Coroutine[Any, Any, None] | None:
        """Run a turn and send it off where it stands; or what is left to be awaited."""
        if delivery.state is not None or delivery.steps:
            return self.turn(cell, delivery)
        desk = self._desk(cell, delivery)
        begun = self._performer.begin(desk, cell.state)
        if not isinstance(begun, Turn) or not self._runs_on(begun):
            return self._finish(cell, desk, begun)
        self._send(cell, desk, begun)
        return None

    def _runs_on(self, turn: Turn) -> bool:
        """Whether its agent may go on before it has committed."""
        ahead = turn.outcome == "done" and turn.agent.partition("/")[0] in self._runs_ahead
        return ahead and not (turn.writes and self._boards.several)

    async def _finish(self, cell: Cell, desk: Desk, begun: Begun) -> None:
        """See a turn to its end and send it off; only one that failed, or may not be run ahead of, is waited for."""
        try:
            turn = await self._checked(begun)
            if turn.outcome != "done":
                await cell.settled()
        except (Undone, BaseExceptionGroup):
            if not cell.refused:
                raise
        if cell.refused:
            desk.abandon()
            cell.mailbox.appendleft(desk.delivery)
            return
        flight = self._send(cell, desk, turn)
        if flight is not None:
            await self._see_through(cell, flight)

    async def _checked(self, begun: Begun) -> Turn:
        turn = begun if isinstance(begun, Turn) else await begun()
        return await self._boards.checked(turn) if turn.writes and self._boards.several else turn

    def _send(self, cell: Cell, desk: Desk, turn: Turn) -> Flight | None:
        """Send a turn off. Returns it if it is to be waited for."""
        acts = desk.road.acts
        if cell.flights or desk.acted or acts:
            turn = turn._replace(after=cell.newest, acted=tuple(desk.acted), tried=acts)
        flight, board = Flight(desk, turn), self._boards.home(cell.agent)
        if turn.outcome == "done" and turn.agent.partition("/")[0] in self._runs_ahead:
            cell.flights.append(flight)
            board.request("commit", turn, partial(self._answered, cell, flight))
            return None
        board.request("commit", turn, flight.answered)
        return flight

    def _answered(self, cell: Cell, flight: Flight, answer: Any, error: BaseException | None) -> None:
        flight.answered(answer, error)
        for turn in cell.committed():
            self._keep(cell, turn)
        if cell.refused and not self._halted:
            self.work(cell)
        self._rest(cell)

    def _keep(self, cell: Cell, turn: Turn) -> None:
        self._performer.keep(turn.agent, turn.state)
        if turn.state is not None:
            cell.state = turn.state

    async def _see_through(self, cell: Cell, flight: Flight) -> None:
        """Follow a turn until it commits, is buried, or is no longer this host's."""
        board, desk, agent = self._boards.home(cell.agent), flight.desk, cell.agent
        try:
            while (said := await self._word(board, flight)) is not None:
                self._performer.take_back(agent)
                if said[0] in {HELD, BURIED}:
                    return
                _, after_s, attempt, round_ = said
                await asyncio.sleep(after_s)
                desk.road.restart(attempt, round_)
                turn = await self._checked(self._performer.begin(desk, cell.state))
                flight = Flight(desk, turn._replace(acted=tuple(desk.acted), tried=desk.road.acts))
                board.request("commit", flight.turn, flight.answered)
            self._keep(cell, flight.turn)
        except (Fenced, SwarmStopped, PeerGone):
            # The board decides what becomes of the message; nobody here does.
            self._performer.forget(agent)

    async def _word(self, board: Link, flight: Flight) -> Any:
        """The board's word on a turn; one that cannot even be handed over is a failed one."""
        try:
            return await flight.word()
        except (Fenced, SwarmStopped, PeerGone):
            raise
        except StigmergyError as error:
            turn = flight.turn
            failed = Turn(turn.message, turn.agent, turn.host, 0, "failed", error=pack(error), retry=False)
            return await board.ask("commit", list(failed))
