"""The keeper: starts a shard's board, listens for its heartbeats, and opens it again from its journal when it has died.

The decisions are the supervisor's (`stigmergy.actors.supervisor`, sans-I/O); this file carries them out. The rule
of this file: a journal has one writer. A successor waits until the lock of its predecessor is free and the journal's
server answers, if it has one, and takes the journal's next epoch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from stigmergy.actors.board.neighbours import peer_of
from stigmergy.actors.board.service import open_board
from stigmergy.actors.clock import Clock
from stigmergy.actors.journal.places import is_server
from stigmergy.actors.supervisor import Supervisor
from stigmergy.actors.transport.handles import LONGEST_S
from stigmergy.actors.transport.link import PeerGone, PeerUnavailable
from stigmergy.actors.transport.processes import LocalProcess, Process
from stigmergy.actors.transport.services import named
from stigmergy.protocols.errors import JournalCorrupt, JournalLocked, NoJournal, StigmergyError, UsageError
from stigmergy.protocols.supervision import ChildSpec, Decision, Exit, GiveUp, Kill, Liveness, Start, Supervision

from .client import Client, EventHook
from .engines import Engine

BOARD: Final = "board"

LOCKED_S: Final = 0.2
"""How long to wait for the lock of a predecessor before looking again."""

PATIENCE_S: Final = 30.0
"""How long in all. Ray's kill takes up to 5.3 s (measured); more means that another run has the journal."""

RESTARTS: Final = ChildSpec(BOARD).intensity.restarts
"""So many boards in a row may go before they have hosts, however long each of them takes: 3."""

UNHURRIED: Final = Liveness(start_s=LONGEST_S)
"""A board reads its journal before it starts, however long that is; `Process.open` sees whether it does anything."""


class Boards(Protocol):
    """Who hears of the boards. Each is up, and then down, as often as it is opened; none that was not up goes down."""

    def is_up(self, keeper: Keeper) -> None:
        """A board is open."""
        ...

    def is_down(self) -> None:
        """A board is gone."""
        ...

    def is_apart(self, keeper: Keeper, others: list[int]) -> None:
        """Heard now and then: the shards to which it has no link."""
        ...


class Household(NamedTuple):
    """What the keepers work with."""

    engine: Engine
    client: Client
    boards: Boards
    on_event: EventHook
    clock: Clock
    draw: Callable[[], float]
    """Random numbers in [0, 1), for the waits between restarts."""


@dataclass(slots=True)
class Board:
    """One life of a shard's board, from its opening to its end."""

    epoch: int
    process: Process
    beats: int | None = None
    """Its last sign of life; None where nothing counts them."""


class Keeper:
    """Keeps the board of one shard alive. Without a journal there is nothing to open again, and its end is the end."""

    def __init__(self, household: Household, config: dict[str, Any], shard: int) -> None:
        """``config`` is what the board is opened with; the lead is shard 0."""
        self._with = household
        self._config = config
        self.shard = shard
        self._many = config.get("shards", 1) > 1
        self._now = household.clock.steady
        spec = Supervision(children=(ChildSpec(BOARD),), liveness=UNHURRIED)
        self._supervisor = Supervisor(spec, household.draw)
        self._board: Board | None = None
        """That of this moment."""
        self._homeless = 0
        """Boards in a row that were opened again and have had no hosts, the one of this moment among them."""
        self._why = ""
        """Why the last board went, or did not come up."""
        self._tasks: dict[asyncio.Task[None], None] = {}

    @property
    def name(self) -> str:
        """The shard's board, whichever life of it: ``board``, and ``board-1``, ``board-2`` beside it."""
        return f"{BOARD}-{self.shard}" if self.shard else BOARD

    @property
    def is_open(self) -> bool:
        """Whether there is a board at this moment."""
        return self._board is not None

    @property
    def process(self) -> Process:
        """The board of this moment; its name is that by which others know it. Raises: PeerGone while there is none."""
        if self._board is None:
            raise PeerGone("the board is not running")
        return self._board.process

    async def begin(self) -> None:
        """Start the board. Raises: UsageError, JournalError."""
        for decision in self._supervisor.begin(self._now()):
            if isinstance(decision, Start):
                await self._open(decision.epoch)
        self._spawn(self._watch())

    def lost(self, reason: str) -> None:
        """The link to the board has ended; a board that lives behind it is ended too."""
        self._gone(reason, Exit.CRASHED)

    def has_hosts(self) -> None:
        """The board of this moment has hosts, or nobody has asked for any."""
        self._homeless = 0

    def has_no_hosts(self, error: Exception) -> None:
        """The board of this moment cannot have hosts: it is opened again."""
        self._spawn(self._close_without(error))

    async def close(self) -> None:
        """Stop the board in good order."""
        _ = self._supervisor.stop(self._now())
        for task in list(self._tasks):
            task.cancel()
        board, self._board = self._board, None
        if board is not None:
            try:
                await board.process.close()
            except BaseException as error:
                board.process.kill()
                if not isinstance(error, StigmergyError):
                    raise

    async def _open(self, epoch: int) -> None:
        household, name = self._with, peer_of(self.shard, epoch) if self._many else BOARD
        process = household.engine.process(name, here=not is_server(self._config["journal"]))
        try:
            await self._open_unlocked(process, epoch)
            await process.attach_driver(household.client.name, household.client)
        except BaseException:
            process.kill()
            raise
        self._board = Board(epoch, process)
        household.client.attach(name, process)
        self._carry_out(self._supervisor.started(BOARD, epoch, self._now()))
        household.boards.is_up(self)

    async def _open_unlocked(self, process: Process, epoch: int) -> None:
        began = self._config.get("began") or epoch > 1
        config, until = {**self._config, "name": process.name, "began": began}, self._now() + PATIENCE_S
        while True:
            try:
                return await process.open(named(open_board), config)
            except NoJournal:
                raise
            except (JournalLocked, UsageError) as error:  # or the journal's server lets nobody in, just now
                at_first = epoch == 1 and not isinstance(error, JournalLocked)
                if at_first or self._now() > until:
                    raise
                await asyncio.sleep(LOCKED_S)

    def _gone(self, reason: str, how: Exit) -> None:
        board, self._board = self._board, None
        if board is None:
            return
        household = self._with
        self._why = reason = _failure_of(board.process) or reason
        board.process.kill()
        household.client.detach(reason, self.shard)
        household.boards.is_down()
        self._tell("board_lost", reason=reason)
        if self._config["journal"]:
            self._ended(board.epoch, how)
        else:
            household.client.give_up(f"the board is gone: {reason}")

    def _ended(self, epoch: int, how: Exit) -> None:
        """A board has ended, or did not come up: another one is opened, a limited number of times.

        How often in how many seconds says the supervisor. One that never has hosts may take all of these: it waits for
        answers until their time is over.
        """
        if self._homeless > RESTARTS:
            _ = self._supervisor.stop(self._now())
            self._give_up(f"{self._homeless} in a row have had no hosts")
        else:
            self._carry_out(self._supervisor.exited(BOARD, epoch, how, self._now()))

    def _give_up(self, reason: str) -> None:
        self._with.client.give_up(f"the board is gone: {reason}, the last time because {self._why}")

    def _carry_out(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            if isinstance(decision, Start):
                self._spawn(self._reopen(decision))
            elif isinstance(decision, Kill):
                self._gone("it did not answer", Exit.LOST)
            elif isinstance(decision, GiveUp) and not decision.child:
                self._give_up(decision.reason)

    async def _reopen(self, start: Start) -> None:
        await asyncio.sleep(start.after_s)
        if not self._supervisor.wanted(BOARD, start.epoch):
            return
        self._homeless += 1
        try:
            await self._open(start.epoch)
        except (NoJournal, JournalCorrupt) as lost:  # no later start will find more of it
            _ = self._supervisor.stop(self._now())
            self._with.client.give_up(str(lost))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next start may do better, and their number is limited
            self._why = str(error)
            self._tell("board_failed", reason=self._why)
            self._ended(start.epoch, Exit.CRASHED)
        else:
            self._tell("board_started", epoch=start.epoch)

    async def _close_without(self, error: Exception) -> None:
        board, reason = self._board, f"no hosts for the new board: {error}"
        self._tell("board_failed", reason=reason)
        if board is not None:
            with suppress(Exception):  # it is killed next
                await board.process.close()
            if board is self._board:
                self._gone(reason, Exit.CRASHED)

    async def _watch(self) -> None:
        """Ask for signs of life. A thread answers for a board whose loop hangs: its beats count, not its answers."""
        while True:
            await asyncio.sleep(1.0)
            await self._look()

    async def _look(self) -> None:
        board = self._board
        if board is not None:
            health = await _health_of(board.process)
            if board is self._board and health is not None:  # no other one has come meanwhile
                self._judge(board, health)
        self._carry_out(self._supervisor.tick(self._now()))

    def _judge(self, board: Board, health: dict[str, Any]) -> None:
        if health.get("lost"):
            self._gone(health["failed"], Exit.CRASHED)
            return
        if (apart := health.get("apart")) is not None:
            self._with.boards.is_apart(self, apart)
        before, board.beats = board.beats, health.get("beats")
        if board.beats is None or board.beats != before:
            self._carry_out(self._supervisor.heartbeat(BOARD, board.epoch, self._now()))

    def _tell(self, event: str, **data: Any) -> None:
        self._with.on_event(event, {**data, "shard": self.shard} if self._many else data)

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)


async def _health_of(process: Process) -> dict[str, Any] | None:
    """What a board says of itself; None when it does not answer in time."""
    try:
        return await process.health()
    except PeerUnavailable:
        return None
    except PeerGone as gone:
        return {"lost": True, "failed": str(gone)}


def _failure_of(process: Process) -> str:
    """What a board in this process says that it has failed of: a link to it knows only that it has ended."""
    with suppress(PeerGone):
        return str(process.service.health().get("failed", "")) if isinstance(process, LocalProcess) else ""
    return ""
