"""The keeper: starts the board, listens for its heartbeats, and opens it again from its journal when it has died.

The decisions are the supervisor's (`stigmergy.actors.supervisor`, sans-I/O); this file carries them out. The rule
of this file: a journal has one writer. A successor waits until the lock of its predecessor is free and the journal's
server answers, if it has one, and takes the journal's next epoch. Hosts belong to the board that they joined, so they
go with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from stigmergy.actors.board.neighbours import peer_of
from stigmergy.actors.board.service import open_board
from stigmergy.actors.clock import Clock
from stigmergy.actors.journal.places import is_server
from stigmergy.actors.supervisor import Supervisor
from stigmergy.actors.transport.handles import LONGEST_S
from stigmergy.actors.transport.link import PeerGone, PeerUnavailable
from stigmergy.actors.transport.processes import LocalProcess, Process
from stigmergy.actors.transport.services import named
from stigmergy.protocols.errors import JournalLocked, StigmergyError, UsageError
from stigmergy.protocols.supervision import ChildSpec, Decision, Exit, GiveUp, Kill, Liveness, Start, Supervision

from .client import Client
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


class Household(NamedTuple):
    """What the keeper works with."""

    engine: Engine
    config: dict[str, Any]
    """What the board is opened with."""
    shard: int
    """Which of the shards it is; the lead is 0."""
    client: Client
    down: Callable[[], None]
    """Called when the board is gone: ends the hosts."""
    up: Callable[[int], Awaitable[None]]
    """Called with its shard when there is a new one: starts hosts, and tells every keeper whose board has them.

    It raises what kept them from starting, and does neither when a board is lost meanwhile: its successor gets them.
    """
    on_event: Callable[[str, dict[str, Any]], None]
    on_apart: Callable[[int, list[int]], None]
    """Called now and then with a shard, and those to which it has no link."""


class Keeper:
    """Keeps the board of one swarm alive. Without a journal there is nothing to open again, and its end is the end."""

    def __init__(self, household: Household, clock: Clock, draw: Callable[[], float]) -> None:
        """``draw`` gives random numbers in [0, 1), for the waits between restarts."""
        self._with = household
        self._now = clock.steady
        self._supervisor = Supervisor(Supervision(children=(ChildSpec(BOARD),), liveness=UNHURRIED), draw)
        self._process: Process | None = None
        self._epoch = 0
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._beats = -1
        """What the board's last sign of life was."""
        self._why = ""
        """Why the last board went, or did not come up."""
        self._housed = True
        """Whether the newest board has had hosts; those of the first one start with the first message."""
        self._homeless = 0
        """Boards in a row that have not."""

    @property
    def shard(self) -> int:
        """Which of the shards it keeps."""
        return self._with.shard

    @property
    def name(self) -> str:
        """The shard's board, whichever life of it: ``board``, and ``board-1``, ``board-2`` beside it."""
        shard = self._with.shard
        return f"{BOARD}-{shard}" if shard else BOARD

    @property
    def peer(self) -> str:
        """The board of this moment, as others know it."""
        return peer_of(self._with.shard, self._epoch) if self._with.config.get("shards", 1) > 1 else BOARD

    @property
    def is_open(self) -> bool:
        """Whether there is a board at this moment."""
        return self._process is not None

    @property
    def process(self) -> Process:
        """The board of this moment. Raises: PeerGone while there is none."""
        if self._process is None:
            raise PeerGone("the board is not running")
        return self._process

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
        self._housed, self._homeless = True, 0

    async def close(self) -> None:
        """Stop the board in good order."""
        _ = self._supervisor.stop(self._now())
        for task in list(self._tasks):
            task.cancel()
        process, self._process = self._process, None
        if process is not None:
            try:
                await process.close()
            except BaseException as error:
                process.kill()
                if not isinstance(error, StigmergyError):
                    raise

    async def _open(self, epoch: int) -> None:
        self._epoch = epoch
        process = self._with.engine.process(self.peer, here=not is_server(self._with.config["journal"]))
        try:
            await self._open_unlocked(process, {**self._with.config, "name": self.peer})
            await process.attach_driver(self._with.client.name, self._with.client)
        except BaseException:
            process.kill()
            raise
        self._process = process
        self._with.client.attach(self.peer, process)
        self._carry_out(self._supervisor.started(BOARD, epoch, self._now()))

    async def _open_unlocked(self, process: Process, config: dict[str, Any]) -> None:
        until, first = self._now() + PATIENCE_S, self._epoch == 1
        while True:
            try:
                return await process.open(named(open_board), config)
            except JournalLocked:
                if self._now() > until:
                    raise
                await asyncio.sleep(LOCKED_S)
            except UsageError:  # the journal's server lets nobody in, just now
                if first or self._now() > until:
                    raise
                await asyncio.sleep(LOCKED_S)

    def _gone(self, reason: str, how: Exit) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        self._why = reason = _failure_of(process) or reason
        process.kill()
        self._with.client.detach(reason, self._with.shard)
        self._with.down()
        self._with.on_event("board_lost", {"reason": reason, **self._which})
        if not self._with.config["journal"]:
            self._with.client.give_up(f"the board is gone: {reason}")
            return
        self._ended(self._epoch, how)

    def _ended(self, epoch: int, how: Exit) -> None:
        """A board has ended, or did not come up: another one is opened, a limited number of times.

        How often in how many seconds says the supervisor. One that never has hosts may take all of these: it waits for
        answers until their time is over.
        """
        self._homeless += not self._housed
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
        self._housed = False
        try:
            await self._open(start.epoch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next start may do better, and their number is limited
            self._why = str(error)
            self._with.on_event("board_failed", {"reason": self._why, **self._which})
            self._ended(start.epoch, Exit.CRASHED)
            return
        self._with.on_event("board_started", {"epoch": start.epoch, **self._which})
        process = self._process
        try:
            await self._with.up(self._with.shard)  # which says `has_hosts`, unless a board is lost meanwhile
        except Exception as error:  # noqa: BLE001 - as above: a board without hosts is opened again
            reason = f"no hosts for the new board: {error}"
            self._with.on_event("board_failed", {"reason": reason, **self._which})
            if process is not None and process is self._process:
                with suppress(Exception):  # it is killed next
                    await process.close()
            if process is self._process:
                self._gone(reason, Exit.CRASHED)

    @property
    def _which(self) -> dict[str, int]:
        """What tells this shard's events from others'."""
        return {"shard": self._with.shard} if self._with.config.get("shards", 1) > 1 else {}

    async def _watch(self) -> None:
        """Ask for signs of life. A thread answers for a board whose loop hangs: its beats count, not its answers."""
        while True:
            await asyncio.sleep(1.0)
            await self._look()

    async def _look(self) -> None:
        process, epoch = self._process, self._epoch
        if process is not None:
            try:
                health = await process.health()
            except PeerUnavailable:
                health = {"beats": self._beats}
            except PeerGone as gone:
                if process is self._process:
                    self._gone(str(gone), Exit.CRASHED)
                return
            if health.get("lost") and process is self._process:
                self._gone(health["failed"], Exit.CRASHED)
                return
            if process is self._process and (apart := health.get("apart")) is not None:
                self._with.on_apart(self._with.shard, apart)
            if health.get("beats") != self._beats and process is self._process:
                self._beats = health.get("beats", -1)
                self._carry_out(self._supervisor.heartbeat(BOARD, epoch, self._now()))
        self._carry_out(self._supervisor.tick(self._now()))

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)


def _failure_of(process: Process) -> str:
    """What a board in this process says that it has failed of: a link to it knows only that it has ended."""
    with suppress(PeerGone):
        return str(process.service.health().get("failed", "")) if isinstance(process, LocalProcess) else ""
    return ""
