"""The cast: the kinds of a swarm as parts that a volatile host can run."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from stigmergy.actors.ledger.paths import ROOT
from stigmergy.actors.volatile.allowance import Purse
from stigmergy.actors.volatile.slot import Act, Part
from stigmergy.protocols.message import Message

from ..agent import Agent, maker
from ..farewell import stopped
from ..states import State, pack_state, read_state
from ..troupe import Troupe

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_SCALARS = frozenset({str, int, float, bool, bytes, type(None)})


def part_of(troupe: Troupe, purse: Purse, log: FilteringBoundLogger) -> Part:
    """A kind, ready to run."""
    spec = troupe.spec
    acts: dict[type[Message], Act] = {}
    for handler in troupe.handlers.values():
        function = getattr(troupe.cls, handler.method)
        acts[handler.accepts] = Act(handler.method, function, handler.takes_context, handler.suspends, handler.returns)
    part = Part(spec, acts, _maker(troupe), purse.of(f"{ROOT}/kind:{spec.name}"))
    if troupe.cls.on_start is not Agent.on_start:
        part.start = _start
    part.stop = None if troupe.cls.on_stop is Agent.on_stop else _stopper(log)
    if troupe.state is not State:
        part.save = _save if _is_flat(troupe.state) else _save_deep
        part.restore = _restore
        part.pack = _pack
        part.unpack = _unpacker(troupe)
    return part


def _maker(troupe: Troupe) -> Callable[[str], Agent]:
    make, state = maker(troupe.cls, troupe.spec.settings), troupe.state
    if state is State:
        return make

    def make_with_state(name: str) -> Agent:
        agent = make(name)
        agent.state = state()
        return agent

    return make_with_state


async def _start(agent: Agent) -> None:
    await agent.on_start()


def _stopper(log: FilteringBoundLogger) -> Callable[[Agent], Awaitable[Any]]:
    return lambda agent: stopped(agent, log)


def _is_flat(state: type[BaseModel]) -> bool:
    """Whether no field can change but by assignment."""
    return all(field.annotation in _SCALARS for field in state.model_fields.values())


def _save(agent: Agent) -> dict[str, Any]:
    return dict(agent.state.__dict__)


def _save_deep(agent: Agent) -> dict[str, Any]:
    return copy.deepcopy(agent.state.__dict__)


def _pack(agent: Agent) -> bytes:
    return pack_state(agent.state)


def _unpacker(troupe: Troupe) -> Callable[[Agent, bytes], None]:
    def unpack(agent: Agent, data: bytes) -> None:
        agent.state = read_state(troupe.state, data, str(agent.me))

    return unpack


def _restore(agent: Agent, saved: dict[str, Any]) -> None:
    agent.state = agent.state.model_construct(**saved)
