"""The swarm: agents, blackboard, budget and watchdogs of one run, and the driver's way in.

Example::

    async with Swarm(budget=Budget(usd=0.80, messages=10_000), journal="runs/") as swarm:
        swarm.add(Librarian)
        answer = await swarm.ask("librarian", Question(text="..."), reply=Answer)

The rule of this file: what there is of a swarm only while it runs is its `Life`, and each verb is a sentence about it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

from stigmergy.protocols.budget import Budget
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.ids import AgentId, check_address, check_name
from stigmergy.protocols.message import Done, Message, check_ask

from .agent import Agent
from .client import Client, EventHook
from .configuration import ClockName, Configuration
from .engines import engine_of
from .figures import SwarmReport
from .hooks import Hooks
from .life import Life, Phase
from .outside import Outside
from .plant import Premises, plant_of
from .provenance import described
from .roster import Roster
from .run_folder import RunFolder
from .tenure import RECORD, Tenure, options_of
from .thinking import ModelSpec

R = TypeVar("R", bound=Message)


class Swarm(Outside):
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
        on_event: EventHook | None = None,
        **premises: Unpack[Premises],
    ) -> None:
        """``journal`` is the folder for run folders, the URL of a PostgreSQL server, or None to keep nothing.

        ``durable=False`` keeps messages in the memory of hosts only: much faster, and lost with their host. With
        ``clock="lockstep"`` time goes by rounds, and only while `run` or an ask is waited for.

        Raises: UsageError.
        """
        plant = plant_of(premises, durable=durable)
        budget = Budget() if budget is None else budget
        self._config = Configuration(budget, journal, durable, clock, seed, dict(models or {}), plant)
        self._roster = Roster()
        self._hooks = Hooks()
        if on_event is not None:
            self._hooks.add(on_event)
        self._resumes: RunFolder | None = None
        self._to_the_end = False
        self._told_to_stop: tuple[str, str] | None = None
        """(reason, text) when its driver has said so before it began."""
        self._life: Life | None = None
        """The present one, or else the last."""
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
        if self._life is not None and self._life.is_up and self._life.housing.started:
            raise UsageError(f"add {cls.__name__} before the first message: hosts learn their kinds when they start")
        self._config.check(Budget() if budget is None else budget, f"the budget of {cls.__name__}")
        self._roster.add(cls, {} if settings is None else settings, budget, changes)

    def on_event(self, hook: EventHook) -> None:
        """Hear what happens: ``budget_alert``, ``verdict``, ``dead_letter``, ``case``, ``host_lost``, ``stopped``...

        ``stalled``, when all of a swarm in one process stands still, is told in another thread. Raises: UsageError.
        """
        self._hooks.add(hook)

    # -- life --------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start the engine and the board. Raises: UsageError, JournalError."""
        if self._life is not None and not self.has_closed:
            raise UsageError("the swarm is running already: make another one, or close this one first")
        config, resumed = self._config, self._resumes is not None
        engine = engine_of(config.plant.engine, config.plant.address)
        tenure = self._take_over(time.time())
        life = self._life = Life(config, self._roster, engine, tenure, self._hooks.tell, resumed=resumed)
        told, self._told_to_stop = self._told_to_stop, None
        try:
            if told is not None:
                await life.stop(*told)
            await life.open()
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
            elif self._life is not None and (error is None or isinstance(error, Exception)):
                await self._life.see_decided_through()
        except BaseException as late:
            error = late
            raise
        finally:
            await self.close("failure" if error is not None else "done")

    async def start(self) -> None:
        """Start the hosts; the first message does it otherwise. Raises: UsageError."""
        await self._ready()

    async def stop(self, reason: str = "user", text: str = "stopped by its driver") -> None:
        """Stop the swarm before it is done: nothing new begins, what is in flight may finish, figures stay readable.

        One that has not begun yet stops as soon as it has; one that has ended is left alone.
        """
        if self._life is None:
            self._told_to_stop = (reason, text)
        elif not self.has_closed:  # another life of it is not meant
            await self._life.stop(reason, text)

    async def close(self, reason: str = "failure") -> None:
        """Stop everything. Called by ``async with``; calling it twice is fine. ``reason``: why, if it did not stop."""
        if self._life is not None:
            await self._life.close(reason)

    @property
    def is_opening(self) -> bool:
        """Whether it has begun to start and cannot be asked anything yet."""
        return self._life is not None and self._life.phase is Phase.OPENING

    @property
    def has_closed(self) -> bool:
        """Whether all of it has ended, so that there is nobody to be told anything."""
        return self._life is not None and self._life.phase is Phase.CLOSED

    @property
    def is_written(self) -> bool:
        """Whether ``run.json`` tells of its last life: not when it could not go on with a run."""
        return self._life is not None and self._life.is_written

    @property
    def stopped(self) -> tuple[str, str] | None:
        """(reason, text) once the swarm has stopped by itself."""
        return None if self._life is None else self._life.client.stopped

    async def processes(self) -> dict[str, dict[str, Any]]:
        """What each process that answers within 3 s says of itself, by name: ``board``, hosts as ``name.epoch``."""
        return {} if self._life is None else await self._life.housing.health()

    async def grow(self, hosts: int = 1) -> list[str]:
        """Start one more host, or so many, and let agents spread to them; returns their names.

        Without a journal, on several hosts. An agent goes between two turns; its mail waits, and keeps its order.
        Raises: UsageError.
        """
        if hosts < 1:
            raise UsageError(f"hosts is {hosts}; give a number from 1")
        return await (await self._running().begin()).grow(hosts)

    async def move(self, agent: str | AgentId, host: str) -> None:
        """Put an agent on a host, by its name (``host-2``), where it stays while that host lives.

        Without a journal, on several hosts. It goes between two turns, with its state and its mail.
        Raises: UsageError, InvalidName.
        """
        await (await self._running().begin()).move(str(AgentId.parse(str(agent))), host)

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

        Raises: UsageError, SwarmStopped, DeadlineExceeded, MailboxFull, NoSuchAgent, UnknownMessage, Malformed, and
            what the answerer raised.
        """
        check_ask(reply, timeout_s)
        way = await self._running().begin()
        return await way.ask(check_address(str(to)), message, reply, timeout_s)

    async def tell(self, to: str | AgentId, message: Message) -> str:
        """Begin a conversation without waiting for it; returns its id once the message is accepted.

        Raises: SwarmStopped, MailboxFull, NoSuchAgent, UnknownMessage.
        """
        way = await self._running().begin()
        return await way.send("tell", check_address(str(to)), message)

    async def post(self, topic: str, message: Message) -> str:
        """Put a message on a topic; returns the conversation's id. Raises: SwarmStopped."""
        way = await self._running().begin()
        return await way.send("post", check_name(topic, "topic"), message)

    async def run(self, rounds: int | None = None) -> int:
        """In lockstep: go on for so many rounds, or until nothing is left to happen. Returns how many it were.

        Raises: UsageError when time is real.
        """
        if rounds is not None and rounds < 0:
            raise UsageError(f"rounds is {rounds}; give a number from 0")
        return await (await self._running().begin()).run(rounds)

    # -- figures -----------------------------------------------------------------------------

    async def report(self) -> SwarmReport:
        """The figures of this moment; after the end, the last ones. Raises: UsageError before the start."""
        if self._life is None:
            raise UsageError("the swarm has not run yet")
        return await self._life.report()

    async def counts(self) -> dict[str, Any]:
        """Plain figures of this moment: ``waiting`` messages, ``dead_letters`` by reason, and others."""
        figures = await (await self._running().begin()).settle()
        return {**await self.request("counts"), **figures}

    # -- inside ------------------------------------------------------------------------------

    def _take_over(self, now: float) -> Tenure | None:
        """Have the run folder, if the run is kept. Raises: UsageError."""
        if self._resumes is None and self._config.journal is None:
            return None
        about = described(self.about, self._resumes)
        self.folder = self._resumes or RunFolder.create(self._config.journal or Path(), now)
        return Tenure(self.folder, {**about, **self._config.to_plain()}, now)

    def _running(self) -> Life:
        """The life of this moment. Raises: UsageError when it can be asked nothing."""
        if self._life is None or not self._life.is_up:
            raise UsageError("the swarm is not running: use `async with Swarm(...) as swarm:`")
        return self._life

    async def _ready(self) -> Client:
        life = self._running()
        await life.begin()
        return life.client
