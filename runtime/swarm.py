"""The swarm: agents, blackboard, budget and watchdogs of one run, and the driver's way in.

Example::

    async with Swarm(budget=Budget(usd=0.80, messages=10_000), journal="runs/") as swarm:
        swarm.add(Librarian)
        answer = await swarm.ask("librarian", Question(text="..."), reply=Answer)
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import structlog

from stigmergy.actors.clock import Clock
from stigmergy.actors.ledger.paths import ROOT
from stigmergy.protocols.budget import Budget
from stigmergy.protocols.errors import StigmergyError, UsageError
from stigmergy.protocols.ids import AgentId, check_address, derive_id
from stigmergy.protocols.message import Done, Message

from .aftermath import report_of
from .agent import Agent
from .blueprint import Blueprint
from .client import Client
from .closing import in_turn
from .engines import ClockName, Engine, check_clock, engine_of
from .figures import SwarmReport
from .housing import DURABLE, VOLATILE, Housing
from .plant import Premises, plant_of
from .provenance import described
from .roster import Roster
from .run_folder import RunFolder
from .stopping import Stopping
from .tenure import RECORD, Tenure, options_of
from .thinking import ModelSpec
from .way import BoardWay, HostWay

R = TypeVar("R", bound=Message)


class Swarm(Stopping):
    """One run. Use it as an async context manager; kinds are added before or inside it."""

    def __init__(
        self,
        *,
        budget: Budget | None = None,
        journal: str | Path | None = None,
        durable: bool = True,
        clock: ClockName = "live",
        seed: int = 0,
        models: Mapping[str, ModelSpec] | None = None,
        on_event: Callable[[str, dict[str, Any]], None] | None = None,
        **premises: Unpack[Premises],
    ) -> None:
        """``journal`` is the folder for run folders, the URL of a PostgreSQL server, or None to keep nothing.

        ``durable=False`` keeps messages in the memory of hosts only: much faster, and lost with their host. With
        ``clock="lockstep"`` time goes by rounds, and only while `run` or an ask is waited for.

        Raises: UsageError.
        """
        if type(seed) is not int or not 0 <= seed < 2**63:
            raise UsageError(f"seed is {seed!r:.40}; give a whole number from 0 to 2^63 - 1")
        if journal is not None and not str(journal).strip():
            raise UsageError("journal is empty text: give a folder or a URL, or None to keep nothing")
        check_clock(clock, durable=durable, journal=journal is not None)
        self._durable, self._time = durable, clock
        self._budget = budget or Budget()
        self._journal = journal
        self._plant = plant_of(premises, durable=durable)
        self._seed = seed
        self._models = dict(models or {})
        self._hooks: list[Callable[[str, dict[str, Any]], None]] = [] if on_event is None else [on_event]
        self._roster = Roster()
        self._last: SwarmReport | None = None
        self._failure: BaseException | None = None  # why there are no last figures
        self._tenure: Tenure | None = None
        self._to_the_end = False
        self.about: dict[str, Any] = {}
        """What ``run.json`` says of this run besides what the swarm knows itself."""
        self.folder: RunFolder | None = None
        """Where this run is kept, once it has begun; None when nothing is kept."""

    @classmethod
    def resume(cls, path: str | Path, **options: Any) -> Self:
        """A swarm that goes on with the run in a folder, whose driver died or stopped: run the same program with it.

        What is asked again is known: answered before, it is answered at once; nothing is charged or handled twice.
        Seed, budget, engine and hosts are those of before, unless ``options`` of the constructor say otherwise.

        Raises: UsageError.
        """
        folder = RunFolder.open(Path(path))
        swarm = cls(**{**options_of(folder.read(RECORD)), **options})
        swarm.go_on(folder)
        return swarm

    def go_on(self, folder: RunFolder, *, to_the_end: bool = False) -> None:
        """Continue a run; before ``async with``, which ends ``to_the_end`` only when nothing that was open is left."""
        self._resumes, self._to_the_end = folder, to_the_end

    def add(
        self,
        cls: type[Agent],
        *,
        settings: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        **changes: Any,
    ) -> None:
        """Add a kind. ``changes`` replace class attributes (``pool=4``); ``budget`` is the kind's own ceiling.

        Kinds can be added until the first message is sent. Raises: UsageError, InvalidCard.
        """
        if self._housing is not None and self._housing.started:
            raise UsageError(f"add {cls.__name__} before the first message: hosts learn their kinds when they start")
        self._roster.add(cls, settings or {}, budget, changes)

    def on_event(self, hook: Callable[[str, dict[str, Any]], None]) -> None:
        """Hear what happens: ``budget_alert``, ``verdict``, ``dead_letter``, ``case``, ``host_lost``, ``stopped``..."""
        self._hooks.append(hook)

    # -- life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start the engine and the board. Raises: UsageError, JournalError."""
        if self._resumes is not None or self._journal is not None:
            self._take_folder(time.time())
        self._closing = False
        run = derive_id("run", self._seed)
        try:
            self._engine = engine_of(self._plant.engine, self._plant.address)
            await self._engine.start()
            client = Client("client/main", run, self._heard, Clock(), self._plant.shards)
            housing = self._housing = Housing(self._blueprint(run, self._engine), client)
            await housing.open()
            self._client = client
            await client.call("ledger", ["open", ROOT, self._budget.to_plain()])
            await self._obey(client)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop in good order and keep the last figures."""
        try:
            if error is None and self._to_the_end:
                await self.finish()
            elif error is None or isinstance(error, Exception):
                await self._see_decided_through()
        except BaseException as late:
            error = late
            raise
        finally:
            await self.close("failure" if error is not None else "done")

    async def start(self) -> None:
        """Start the hosts; the first message does it otherwise. Raises: UsageError."""
        if self._housing is None or self._client is None:
            raise UsageError("the swarm is not running: use `async with Swarm(...) as swarm:`")
        await self._come_back(self._client)  # now, because who listens has said so
        await self._housing.start()
        if self._way is None:
            self._way = BoardWay(self._client) if self._durable else HostWay(self._housing, self._client.name)

    async def processes(self) -> dict[str, dict[str, Any]]:
        """What each process says of itself, ``pid`` included, by name: ``board``, and hosts as ``name.epoch``.

        One that is just starting, or does not answer within 3 s, is left out.
        """
        return {} if self._housing is None else await self._housing.health()

    async def close(self, reason: str = "failure") -> None:
        """Stop everything. Called by ``async with``; calling it twice is fine. ``reason``: why, if it did not stop."""
        ends = [one.close for one in (self._housing, self._client) if one is not None]
        engine = [] if self._engine is None else [self._engine.stop]
        await in_turn(self._take_figures, *ends, *engine, lambda: self._end(reason))

    async def _take_figures(self) -> None:
        """Keep the last figures; those of a swarm that cannot tell them are read from its journal in the end."""
        try:
            if self._client is not None:
                self._last = await self.report()
        except BaseException as error:
            self._failure = error
            if not isinstance(error, StigmergyError):
                raise
        finally:
            self._closing = True

    async def _end(self, reason: str) -> None:
        self._housing = self._client = self._engine = self._way = self._told_to_stop = None
        failure, tenure, self._failure, self._tenure = self._failure, self._tenure, None, None
        try:
            self._last = self._last if failure is None else report_of(self.folder, failure)
        finally:
            if tenure is not None:
                tenure.end((self._last and self._last.stop_reason) or reason, self._last or SwarmReport(), time.time())

    # -- messages ----------------------------------------------------------------------------

    @overload
    async def ask(self, to: str | AgentId, message: Message, *, timeout_s: float = ...) -> Done: ...
    @overload
    async def ask(self, to: str | AgentId, message: Message, *, reply: type[R], timeout_s: float = ...) -> R: ...
    async def ask(
        self, to: str | AgentId, message: Message, *, reply: type[Any] = Done, timeout_s: float = 30.0
    ) -> Any:
        """Begin a conversation and wait for its answer, 30 s by default.

        ``to`` is an agent (``kind/key``), a kind, or ``skill("...")``.

        Raises: SwarmStopped, DeadlineExceeded, MailboxFull, NoSuchAgent, UnknownMessage, Malformed, and what the
            answerer raised.
        """
        way = self._way or await self._open_way()
        return await way.ask(check_address(str(to)), message, reply, timeout_s)

    # -- figures -----------------------------------------------------------------------------

    async def report(self) -> SwarmReport:
        """The figures of this moment; after the end, the last ones. Raises: UsageError before the start."""
        if self._client is None:
            if self._last is None:
                raise UsageError("the swarm has not run yet")
            return self._last
        figures = {} if self._way is None else await self._way.settle()
        counts = await self._client.call("counts")
        position = await self._client.call("ledger", ["position", ROOT])
        return SwarmReport.of(position, {**counts, **figures}, str(self.folder.path) if self.folder else "")

    # -- inside ------------------------------------------------------------------------------

    def _take_folder(self, now: float) -> None:
        about = described(self.about, self._resumes)
        self.folder = folder = self._resumes or RunFolder.create(self._journal or Path(), now)
        own = {"seed": self._seed, "budget": self._budget.to_plain(), **self._plant.to_plain()}
        self._tenure = Tenure(folder, {**about, **own}, now)

    async def _ready(self) -> Client:
        await self.start()
        if self._client is None:
            raise UsageError("the swarm is closed")
        return self._client

    def _blueprint(self, run: str, engine: Engine) -> Blueprint:
        folder = self.folder
        return Blueprint(
            engine,
            {
                "run": run,
                "journal": "" if folder is None else folder.address(),
                "durability": self._plant.durability,
                "limits": dict(self._plant.limits),
                "clock": self._time,
            },
            {
                "host": DURABLE if self._durable else VOLATILE,
                "clock": self._time,
                "run": run,
                "limits": dict(self._plant.limits),
                "mesh": self._plant.spread and not self._durable,
                "models": {role: spec.to_plain() for role, spec in self._models.items()},
                "seed": self._seed,
                "birth": secrets.token_hex(16) if self._tenure is None else self._tenure.birth,
                "idle": {"after_s": self._plant.idle_after_s, "live": self._plant.live_agents},
                "logs": "" if folder is None else str(folder.logs),
            },
            self._plant.hosts or engine.hosts(),
            self._roster,
            self._heard,
            Clock(),
            random.random,
        )

    def _heard(self, event: str, data: dict[str, Any]) -> None:
        if event == "host_lost" and self._closing:
            return  # it was asked to end
        if event == "host_lost" and self._housing is not None:
            self._housing.lost(data["host"], data["reason"])
        if event == "host_wanted" and self._housing is not None:
            self._housing.wanted(data["agent"])
        for hook in self._hooks:
            try:
                hook(event, data)
            except Exception:  # noqa: BLE001 - a user's hook must not cut the driver off from its swarm
                structlog.get_logger().exception("event_hook_failed", event_name=event)
