"""The performer: makes agents from their classes and runs one handler at a time. Lives in a host.

A turn is pure in this sense: message, state and what the desk answers go in, a `Turn` comes out;
nothing that the handler did is visible before the board has committed it.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from stigmergy.actors.ending import UNHEARD, is_closing, recovered, warn_of
from stigmergy.actors.failing import honest, is_worth_another, no_message, worded
from stigmergy.actors.host.cell import is_undone
from stigmergy.actors.host.desk import Desk, TurnHeld
from stigmergy.actors.host.performer import Begun
from stigmergy.protocols.errors import pack
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.message import Done, Message, MessageTypes
from stigmergy.protocols.turn import Turn

from .agent import Agent, maker
from .context import Context, Means
from .farewell import stop_all, stopped
from .forgotten import advice
from .limited import limited
from .logs import LogFile
from .luggage import Luggage
from .states import State, pack_state, read_state
from .thinking import ModelSpec, Thinking
from .troupe import Troupe, open_paths, troupe_of

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


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
    if config.get("apart"):
        _keep_warnings(log)
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

    def begin(self, desk: Desk, state: bytes | None) -> Begun:
        """See `Performer.begin`."""
        began = desk.clock.steady()
        live = self._live.get(desk.delivery.agent)
        return partial(self._begin_anew, desk, state, began) if live is None else self._begin(desk, live, began)

    def keep(self, agent: str, state: bytes | None) -> None:
        """See `Performer.keep`."""
        live = self._live.get(agent)
        if live is not None and state is not None:
            live.saved = state

    def take_back(self, agent: str) -> None:
        """See `Performer.take_back`."""
        live = self._live.get(agent)
        if live is not None:
            live.agent.state = read_state(self._troupes[agent.partition("/")[0]].state, live.saved, agent)
            live.pending = live.saved

    def forget(self, agent: str) -> None:
        """See `Performer.forget`."""
        self._live.pop(agent, None)

    async def passivate(self, agent: str) -> None:
        """See `Performer.passivate`."""
        live = self._live.pop(agent, None)
        if live is not None and type(live.agent).on_stop is not Agent.on_stop:
            await stopped(live.agent, self._log)

    async def close(self) -> None:
        """See `Performer.close`."""
        agents = [live.agent for live in self._live.values() if type(live.agent).on_stop is not Agent.on_stop]
        self._live.clear()
        late = await stop_all(agents, self._log)
        await self._thinking.close()
        self._logs.close()
        self._luggage.close()
        warn_of(late, UNHEARD)

    async def _begin_anew(self, desk: Desk, state: bytes | None, began: float) -> Turn:
        agent = desk.delivery.agent
        try:
            live = await self._enter(agent.partition("/")[0], agent, state)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises fails its turn
            turn = self._fell(desk, error, began)
        else:
            begun = self._begin(desk, live, began)
            turn = begun if isinstance(begun, Turn) else await begun()
        await recovered(desk.underway.ending)
        return turn

    def _begin(self, desk: Desk, live: Live, began: float) -> Begun:
        delivery = desk.delivery
        envelope = delivery.envelope
        troupe = self._troupes[delivery.agent.partition("/")[0]]
        ctx: Context | None = None
        try:
            handler = troupe.handlers[envelope.type]
            message = self._types.decode(envelope.type, envelope.body)
            ctx = Context(desk, Means(self._thinking, troupe.tools, self._birth), self._log, self._seed)
            method = getattr(live.agent, handler.method)
            call = partial(method, message, ctx) if handler.takes_context else partial(method, message)
            if handler.suspends:
                return partial(self._go_on, desk, live, ctx, call, began)
            answer = call()
            if inspect.isawaitable(answer):
                return partial(self._go_on, desk, live, ctx, lambda: answer, began)
            return self._ended(desk, live, ctx, answer, began)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises fails its turn
            if ctx is not None:
                ctx.end()
            return self._fell(desk, error, began)

    async def _go_on(
        self, desk: Desk, live: Live, ctx: Context, call: Callable[[], Awaitable[Any]], began: float
    ) -> Turn:
        agent = desk.delivery.agent
        try:
            awaited = call()
            work = awaited if inspect.iscoroutine(awaited) else _result(awaited)
            answer = await limited(work, self._troupes[agent.partition("/")[0]].spec.turn_timeout_s, agent)
            turn = self._ended(desk, live, ctx, answer, began)
        except BaseException as error:  # noqa: BLE001 - whatever user code raises fails its turn
            ctx.end()
            turn = self._fell(desk, error, began)
        await recovered(desk.underway.ending)
        await desk.rest()
        return self._turn(desk, began, outcome="held") if desk.held else turn

    def _ended(self, desk: Desk, live: Live, ctx: Context, answer: Any, began: float) -> Turn:
        """The turn of a handler that has come to its end. Raises: UsageError, and what its state raises."""
        delivery = desk.delivery
        troupe = self._troupes[delivery.agent.partition("/")[0]]
        if delivery.envelope.mode == "ask":
            if answer is not None and not isinstance(answer, Message):
                method = getattr(troupe.cls, troupe.handlers[delivery.envelope.type].method)
                raise no_message(delivery.agent, method, answer)
            ctx.answer(answer if answer is not None else Done())
        if not desk.held:
            desk.arrive()
        sends, writes = ctx.effects()
        ctx.end()
        before, state = live.pending, None
        if troupe.state is not State:
            live.pending = pack_state(live.agent.state)
            state = live.pending if live.pending != before else None
        if desk.held:
            return self._turn(desk, began, outcome="held")
        seconds = desk.clock.steady() - began
        return Turn(delivery.envelope.id, delivery.agent, desk.host, 0, "done", sends, writes, state, seconds=seconds)

    def _fell(self, desk: Desk, error: BaseException, began: float) -> Turn:
        """The turn of a handler that raised something. Raises it when it is the host that ends the handler."""
        error = honest(error)
        if isinstance(error, TurnHeld):
            return self._turn(desk, began, outcome="held")
        if is_closing(error) or is_undone(error):
            raise error
        if isinstance(error, asyncio.CancelledError) and desk.underway.ending():
            raise error  # otherwise the handler met a cancelled future of its own, or cancelled itself
        known, trace = worded(desk.delivery.agent, error)
        fields = {"agent": desk.delivery.agent, "message": desk.turn, "error": str(known), "trace": trace}
        self._log.warning("turn_failed", **fields)
        again = is_worth_another(error)
        return self._turn(desk, began, outcome="failed", error=pack(known), trace=trace, retry=again)

    def _turn(self, desk: Desk, began: float, **fields: Any) -> Turn:
        seconds = desk.clock.steady() - began
        return Turn(desk.turn, desk.delivery.agent, desk.host, 0, seconds=seconds, **fields)

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


async def _result(awaitable: Awaitable[Any]) -> Any:
    """What a handler gave that is to be awaited and is no coroutine."""
    return await awaitable


def _keep_warnings(log: FilteringBoundLogger) -> None:
    """What Python warns of in a process of its own, such as an await that was forgotten: nobody reads its stderr."""

    def warned(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any) -> None:
        known = {"advice": said} if (said := advice(message, category, filename, lineno)) else {}
        log.warning("python_warning", text=f"{Path(filename).name}:{lineno}: {category.__name__}: {message}", **known)

    warnings.showwarning = warned
