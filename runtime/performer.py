"""The performer: makes agents from their classes and runs one handler at a time. Lives in a host.

A turn is pure in this sense: message, state and what the desk answers go in, a `Turn` comes out;
nothing that the handler did is visible before the board has committed it.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from weakref import WeakValueDictionary

from stigmergy.actors.failing import is_worth_another, worded
from stigmergy.actors.host.desk import Desk, TurnHeld
from stigmergy.protocols.errors import UsageError, pack
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.message import Done, Message, MessageTypes
from stigmergy.protocols.turn import Turn

from .agent import Agent, maker
from .context import Context, Means
from .limited import limited
from .logs import LogFile
from .luggage import Luggage
from .states import State, pack_state, read_state
from .thinking import ModelSpec, Thinking
from .troupe import Troupe, open_paths, troupe_of

FAREWELL_S: Final = 10.0
"""How long an agent's ``on_stop`` may take."""


@dataclass(slots=True)
class Live:
    """An activated agent, the state it last committed, and the one that its last turn left."""

    agent: Agent
    saved: bytes
    pending: bytes


def open_performer(config: dict[str, Any]) -> AgentPerformer:
    """Build from a host's configuration: ``kinds``, ``paths``, ``models``, ``seed``, ``birth``, ``logs``, ``name``."""
    luggage = Luggage(config.get("luggage", ()))
    open_paths(luggage.folders or config["paths"])
    logs = LogFile(Path(config["logs"]) / f"{config['name']}.jsonl" if config.get("logs") else None)
    log = logs.logger(host=config["name"])
    models = {role: ModelSpec.from_plain(spec) for role, spec in config.get("models", {}).items()}
    troupes = {spec.name: troupe_of(spec) for spec in map(KindSpec.from_plain, config["kinds"])}
    return AgentPerformer(troupes, Thinking(models, time.time(), log), logs, luggage, config)


class AgentPerformer:
    """Runs the handlers of agents. See `stigmergy.actors.host.performer.Performer`."""

    def __init__(
        self,
        troupes: dict[str, Troupe],
        thinking: Thinking,
        logs: LogFile,
        luggage: Luggage,
        config: dict[str, Any],
    ) -> None:
        self._troupes = troupes
        self._thinking = thinking
        self._logs = logs
        self._luggage = luggage
        self._log = logs.logger(host=config["name"])
        self._seed = config["seed"]
        self._birth = config["birth"]
        self._live: dict[str, Live] = {}
        self._doors: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Where turns wait whose agent is just being activated."""
        types = [handler.accepts for troupe in troupes.values() for handler in troupe.handlers.values()]
        self._types = MessageTypes(types)

    async def perform(self, desk: Desk, state: bytes | None) -> Turn:
        """See `Performer.perform`."""
        steady = desk.clock.steady
        began = steady()
        delivery = desk.delivery
        kind = delivery.agent.partition("/")[0]
        base = Turn(delivery.envelope.id, delivery.agent, "", 0, "done")
        try:
            live = self._live.get(delivery.agent) or await self._enter(kind, delivery.agent, state)
            sends, writes = await self._handle(self._troupes[kind], live, desk)
            before, live.pending = live.pending, self._state_of(kind, live)
        except TurnHeld:
            return base._replace(outcome="held")
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # the host stops; otherwise the handler met a cancelled future of its own
            return self._failed(base, error, steady() - began)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever user code raises fails its turn
            return self._failed(base, error, steady() - began)
        if desk.held:
            return base._replace(outcome="held")
        changed = live.pending != before
        return base._replace(
            sends=sends,
            writes=writes,
            state=live.pending if changed else None,
            seconds=steady() - began,
        )

    def keep(self, agent: str, state: bytes | None) -> None:
        """See `Performer.keep`."""
        live = self._live.get(agent)
        if live is not None and state is not None:
            live.saved = state

    def take_back(self, agent: str) -> None:
        """See `Performer.take_back`."""
        live = self._live.get(agent)
        if live is not None:
            live.agent.state = read_state(type(live.agent.state), live.saved, agent)
            live.pending = live.saved

    def forget(self, agent: str) -> None:
        """See `Performer.forget`."""
        self._live.pop(agent, None)

    async def passivate(self, agent: str) -> None:
        """See `Performer.passivate`."""
        live = self._live.pop(agent, None)
        if live is None:
            return
        try:
            async with asyncio.timeout(FAREWELL_S):
                await live.agent.on_stop()
        except Exception:  # noqa: BLE001 - one bad farewell must not keep the others from theirs
            self._log.exception("on_stop_failed", agent=agent)

    async def close(self) -> None:
        """See `Performer.close`."""
        for name in list(self._live):
            await self.passivate(name)
        await self._thinking.close()
        self._logs.close()
        self._luggage.close()

    async def _handle(self, troupe: Troupe, live: Live, desk: Desk) -> Any:
        envelope = desk.delivery.envelope
        handler = troupe.handlers[envelope.type]
        message = self._types.decode(envelope.type, envelope.body)
        log = self._log.bind(agent=desk.delivery.agent, conversation=envelope.conversation, trace_id=envelope.trace_id)
        ctx = Context(desk, Means(self._thinking, troupe.tools, self._birth), log, self._seed)
        method = getattr(live.agent, handler.method)
        answer = method(message, ctx) if handler.takes_context else method(message)
        if inspect.isawaitable(answer):
            answer = await limited(
                answer if inspect.iscoroutine(answer) else _result(answer),
                troupe.spec.turn_timeout_s,
                desk.delivery.agent,
            )
        if envelope.mode == "ask":
            if answer is not None and not isinstance(answer, Message):
                raise UsageError(f"{troupe.cls.__name__}.{handler.method} returned {type(answer).__name__}, no Message")
            ctx.answer(answer if answer is not None else Done())
        return ctx.effects()

    def _state_of(self, kind: str, live: Live) -> bytes:
        return live.pending if self._troupes[kind].state is State else pack_state(live.agent.state)

    async def _enter(self, kind: str, name: str, state: bytes | None) -> Live:
        """Activate an agent once, though turns of a reentrant kind may begin together."""
        door = self._doors.setdefault(name, asyncio.Lock())
        async with door:
            return self._live.get(name) or await self._activate(kind, name, state)

    async def _activate(self, kind: str, name: str, state: bytes | None) -> Live:
        troupe = self._troupes[kind]
        agent = maker(troupe.cls, troupe.spec.settings)(name)
        agent.state = troupe.state() if state is None else read_state(troupe.state, state, name)
        await limited(agent.on_start(), troupe.spec.turn_timeout_s, name)
        saved = pack_state(agent.state)
        live = self._live[name] = Live(agent, saved, saved)
        return live

    def _failed(self, base: Turn, error: BaseException, seconds: float) -> Turn:
        known, trace = worded(base.agent, error)
        self._log.warning("turn_failed", agent=base.agent, message=base.message, error=str(known), trace=trace)
        return base._replace(
            outcome="failed", error=pack(known), trace=trace, retry=is_worth_another(error), seconds=seconds
        )


async def _result(awaitable: Awaitable[Any]) -> Any:
    """What a handler gave that is to be awaited and is no coroutine."""
    return await awaitable
