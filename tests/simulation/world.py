"""One simulated swarm: its processes, what goes wrong with them, and how it ends.

The rule of this file: everything follows from the seed. It starts the real board, hosts, client and
shepherd in simulated processes, and starts them again, on the same disk, when the board is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.neighbours import shard_of
from stigmergy.actors.board.owners import Place
from stigmergy.actors.board.service import BoardService
from stigmergy.actors.host.host import open_host
from stigmergy.actors.journal.port import Journal
from stigmergy.actors.journal.records import Row
from stigmergy.actors.transport.services import Service
from stigmergy.protocols.errors import JournalLocked, StigmergyError

from .disk import Disk, DiskJournal
from .driver import RUN, Drive
from .faults import FAULTS_END_S, Fault, plan_faults
from .loop import ProcessLoop, Timeline
from .network import Network, Weather
from .outside import Durable, Outside
from .processes import SimEngine
from .workloads import plan_work

DRAINED_BY_S = 150.0
"""Virtual seconds until all must have come to its end; the faults end at 8."""

LIVES = 12


class Simulation:
    """Runs one seed."""

    def __init__(self, seed: int, say: Callable[[str], None] | None = None, shards: int = 0) -> None:
        """``shards``: how many boards there are; 0 lets the seed decide."""
        self.seed = seed
        self.struck: Counter[str] = Counter()
        self.timeline = Timeline()
        self.work = plan_work(Random(f"{seed} work"))
        self.shards = shards or Random(f"{seed} shards").choices((1, 2, 3), (6, 3, 1))[0]
        self.disks = [Disk(Random(f"{seed} disk{shard or ''}"), self.struck) for shard in range(self.shards)]
        self.outside = Outside(Random(f"{seed} outside"), self.struck)
        self.network = Network(self.timeline, Random(f"{seed} network"), self.struck)
        self.plan = plan_faults(Random(f"{seed} faults"), self.work.kills)
        self.lives = 0
        self.drained = False
        self.news: list[str] = []
        self.broken = ""
        """Why the journal could not be opened."""
        self.loops: list[ProcessLoop] = []
        self.written: list[list[Row]] = []
        """What is on the disks when it is over."""
        self._driver: ProcessLoop | None = None
        self._say = say
        self._random = Random(f"{seed} world")

    def run(self) -> None:
        """From the beginning to the end."""
        self._begin()
        self.network.weather = self.plan.weather
        for fault in self.plan.faults:
            self.timeline.after(fault.at, partial(self._strike, fault))
        self.timeline.after(FAULTS_END_S, self._calm)
        self.timeline.run(DRAINED_BY_S)
        for disk in self.disks:
            disk.lose_power()
        self.written = [disk.rows() for disk in self.disks]

    def close(self) -> None:
        """Let go of everything."""
        for loop in self.loops:
            loop.bury()

    @property
    def complaints(self) -> list[str]:
        """What no task was there to hear."""
        return [said for loop in self.loops for said in loop.complaints]

    def say(self, text: str, *parts: Any) -> None:
        """A line of the trace; ``parts`` are put in its places only if somebody reads it."""
        if self._say is not None:
            self._say(f"{self.timeline.now:9.4f}  {text % parts}")

    # -- processes

    def _spawn(self, name: str) -> ProcessLoop:
        loop = ProcessLoop(name, self.timeline, self.outside)
        self.loops.append(loop)
        self.say("start %s", name)
        return loop

    def _end(self, loop: ProcessLoop | None, why: str) -> None:
        if loop is not None and loop.alive:
            self.say("end %s: %s", loop.name, why)
            loop.end()

    def _begin(self) -> None:
        """A life: a driver, which starts all the rest."""
        self.lives += 1
        driver = self._driver = self._spawn(f"driver.{self.lives}")
        engine = SimEngine(self.network, driver, self._spawn, self._build)
        drive = Drive(driver, engine, self.work, self.say, again=self.lives > 1, shards=self.shards)

        def over(task: Any) -> None:
            error = task.exception()
            self.say("life %s ends: %r", self.lives, error)
            if not driver.alive:
                return
            if error is None:
                self.drained, self.news, self.timeline.is_over = True, drive.news, True
            elif not isinstance(error, StigmergyError):
                raise error
            else:
                driver.end()

        driver.on_end[self] = lambda: self.timeline.after(0.0, self._again)

        def begin() -> None:
            driver.create_task(drive.live()).add_done_callback(over)

        driver.call_soon(begin)

    def _again(self) -> None:
        """The next life. Hosts of the last one may linger, and must do no harm."""
        if self.lives >= LIVES:
            return
        for board in self._boards():
            self._end(board, "its life is over")
        for host in self._hosts():
            if self._random.random() < 0.5:
                self._end(host, "its life is over")
        self.timeline.after(0.5, self._begin)

    def _boards(self) -> list[ProcessLoop]:
        """The newest living board of each shard."""
        living = {shard_of(loop.name): loop for loop in self.loops if loop.name.startswith("board") and loop.alive}
        return [living[shard] for shard in sorted(living)]

    def _board(self, pick: float) -> ProcessLoop | None:
        boards = self._boards()
        return boards[int(pick * len(boards))] if boards else None

    def _hosts(self) -> list[ProcessLoop]:
        return [loop for loop in self.loops if loop.alive and loop.name.startswith("host-")]

    def open_journal(self, loop: ProcessLoop, shard: int) -> Journal:
        """The journal of a board that starts."""

        def durable(seq: int) -> None:
            self.outside.log.append(Durable(seq, shard, self.timeline.now))

        return DiskJournal(self.disks[shard], loop, durable)

    def _build(self, loop: ProcessLoop, factory: str, config: dict[str, Any]) -> Service:
        return self._build_board(loop, config) if factory.endswith(":open_board") else self._build_host(loop, config)

    def _build_board(self, loop: ProcessLoop, config: dict[str, Any]) -> Service:
        shard = config.get("shard", 0)
        try:
            journal = self.open_journal(loop, shard)
            board = Board(journal, BoardConfig(RUN, {}, Place(shard, self.shards)), loop.clock.wall())
        except JournalLocked:
            raise
        except Exception as error:
            self.broken = f"the board cannot open what it wrote: {type(error).__name__}: {error}"
            self.timeline.is_over = True
            raise
        return BoardService(board, journal, loop.clock, config["name"], apart=True)

    def _build_host(self, loop: ProcessLoop, config: dict[str, Any]) -> Service:
        return open_host({**config, "apart": True}, loop.clock)

    # -- faults

    def _strike(self, fault: Fault) -> None:
        victim = self._victim(fault)
        if victim is None or not victim.alive:
            return
        self.struck[fault.kind] += 1
        self.say("FAULT %s %s on %s", fault.kind, fault.trouble if fault.kind == "disk trouble" else "", victim.name)
        match fault.kind:
            case "kill a host" | "kill the board" | "kill the driver":
                self._end(victim, "kill -9")
            case "power failure":
                self._end(victim, "power failure")
                self._disk_of(victim).lose_power()
            case "disk trouble":
                self.struck[fault.kind] -= 1
                self._disk_of(victim).trouble = fault.trouble
            case "hang a host" | "hang the board":
                victim.hang()
                # Ray's kill ends it too, so it wakes to live only if nobody killed it meanwhile.
                self.timeline.after(fault.size, victim.wake)
            case "cut a host off":
                self._cut(victim, fault)
            case "replace a host":
                self._replace(victim, fault)
            case _:
                self._bend(victim, fault.size)

    def _victim(self, fault: Fault) -> ProcessLoop | None:
        if "host" in fault.kind:
            hosts = self._hosts()
            return hosts[int(fault.pick * len(hosts))] if hosts else None
        return self._driver if "driver" in fault.kind else self._board(fault.pick)

    def _disk_of(self, board: ProcessLoop) -> Disk:
        return self.disks[shard_of(board.name)]

    def _cut(self, host: ProcessLoop, fault: Fault) -> None:
        board = self._board(fault.pick)
        if board is not None:
            self.network.cut(host.name, board.name)
            self.timeline.after(fault.size, self.network.mend)

    def _replace(self, host: ProcessLoop, fault: Fault) -> None:
        """A board takes a host for lost, and it lives; its successors and it run at the same time."""
        host.lingers = True
        board = self._board(fault.pick)
        if board is not None and board.service is not None:
            board.call_soon(board.service._on_lost, host.name, "a mistake")

    def _bend(self, victim: ProcessLoop, seconds: float) -> None:
        if seconds:
            victim.jump(seconds)
        else:
            victim.freeze()

    def _calm(self) -> None:
        """The end of all faults. Clocks that jumped stay where they are; they go at their pace again."""
        self.say("calm")
        self.network.weather = Weather()
        self.network.mend()
        for disk in self.disks:
            disk.trouble = ""
        for loop in self.loops:
            loop.thaw()
