"""Which model plays which role, and how a turn asks it: reserved first, recorded after.

A `ModelSpec` is plain data, because it travels to the hosts; the model itself is made there. Keys
never travel: a host reads them from its own environment.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from stigmergy.actors.host.desk import Desk
from stigmergy.actors.host.road import Taken
from stigmergy.actors.ledger.paths import agent_account
from stigmergy.protocols.budget import Spend
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.ids import AgentId, derive_id

from .models import (
    ANTHROPIC_URL,
    CallLimits,
    Claude,
    MeteredModel,
    Model,
    ModelMessage,
    ModelReply,
    ModelRequest,
    Price,
    Prices,
    Purse,
    Rate,
    ScriptedModel,
    user,
)
from .settings import Settings

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

LEASE_MARGIN_S = 30.0
"""How much longer than the call's own timeout its reservation lasts."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model and how to reach it."""

    model: str
    """The provider's name for it, for example ``claude-haiku-4-5``."""
    factory: str = "stigmergy.runtime.thinking:claude"
    """``module:function`` that makes the `Model` from ``settings``."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Plain values; never a key."""
    usd_per_mtok: tuple[str, str] | None = None
    """Own price in USD for a million input and output tokens; None takes the public price list."""
    count: Literal["exact", "bytes"] = "exact"
    """How input is counted before the call: by the provider, or as bytes (no round trip, reserves more)."""

    def to_plain(self) -> dict[str, Any]:
        """As msgpack-able data."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> ModelSpec:
        """The inverse of `to_plain`."""
        price = plain["usd_per_mtok"]
        return cls(**{**plain, "usd_per_mtok": None if price is None else (price[0], price[1])})


def claude(settings: Mapping[str, Any]) -> Model:
    """Claude, with this process's key, and its base URL unless ``base_url`` is given. Raises: UsageError."""
    known = Settings.from_env()
    limits = CallLimits(**settings.get("limits", {}))
    base_url = settings.get("base_url") or known.anthropic_base_url or ANTHROPIC_URL
    return Claude(known.anthropic_api_key, base_url=base_url, limits=limits)


def scripted(settings: Mapping[str, Any]) -> Model:
    """A `ScriptedModel` whose brain is ``settings["brain"]``, a ``module:function``."""
    return ScriptedModel(load(settings["brain"]))


def load(target: str) -> Callable[..., Any]:
    """The object behind ``module:name``. Raises: UsageError."""
    module, _, name = target.partition(":")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as why:
        raise UsageError(f"cannot load {target!r}: {why}") from None
    return found


class Thinking:
    """The models of one host, by role."""

    def __init__(self, specs: Mapping[str, ModelSpec], now: float, log: FilteringBoundLogger) -> None:
        """``now`` dates the price list, in Unix seconds."""
        self._specs = dict(specs)
        self._log = log
        own = {s.model: _price(s.usd_per_mtok) for s in specs.values() if s.usd_per_mtok is not None}
        self._prices = Prices(now, own=own)
        self._made: dict[str, Model] = {}

    async def ask(
        self, desk: Desk, role: str, prompt: str | Sequence[ModelMessage], options: dict[str, Any]
    ) -> ModelReply:
        """The answer of the model that plays ``role``, or the recorded one of an earlier attempt."""
        spec = self._specs.get(role)
        if spec is None:
            known = ", ".join(sorted(self._specs)) or "none"
            raise UsageError(f"no model plays the role {role!r:.60} (roles: {known}); name one in Swarm(models=...)")
        messages = (user(prompt),) if isinstance(prompt, str) else tuple(prompt)
        request = ModelRequest(model=spec.model, messages=messages, **options)

        async def call(taken: Taken) -> dict[str, Any]:
            reply = await self._metered(spec, desk, taken, request).complete(request)
            self._log.info(
                "model_call",
                role=role,
                model=reply.model,
                agent=desk.delivery.agent,
                trace_id=desk.delivery.envelope.trace_id,
                span_id=desk.delivery.envelope.span_id,
                tokens=reply.usage.tokens,
                stop_reason=reply.stop_reason,
            )
            return reply.to_plain()

        return ModelReply.from_plain(await desk.step(f"model:{role}:{request.key()}", call))

    async def close(self) -> None:
        """Close every model."""
        for model in self._made.values():
            await model.aclose()

    def _metered(self, spec: ModelSpec, desk: Desk, taken: Taken, request: ModelRequest) -> Model:
        delivery = desk.delivery
        account = agent_account(AgentId.parse(delivery.agent), conversation=delivery.envelope.conversation)
        # Another attempt, or the same on another host, may be billed again: it is another operation for the ledger.
        number = derive_id(desk.turn, taken.number, desk.attempt, desk.host, "model")
        purse = Purse(_LedgerOf(desk, taken, request.timeout_s + LEASE_MARGIN_S), account, self._prices, lambda: number)
        return MeteredModel(self._model(spec), purse, count=spec.count)

    def _model(self, spec: ModelSpec) -> Model:
        key = json.dumps([spec.factory, spec.settings], sort_keys=True)
        model = self._made.get(key)
        if model is None:
            model = self._made[key] = load(spec.factory)(spec.settings)
        return model


class _LedgerOf:
    """The ledger as one turn reaches it."""

    def __init__(self, desk: Desk, taken: Taken, lease_s: float) -> None:
        self._desk = desk
        self._taken = taken
        self._lease_s = lease_s

    async def reserve(self, op: str, account: str, worst: Spend) -> None:
        self._desk.road.check(self._taken)
        await self._desk.ledger("reserve", op, account, worst.to_plain(), self._lease_s)

    async def settle(self, op: str, actual: Spend) -> None:
        await self._desk.ledger("settle", op, actual.to_plain())

    async def release(self, op: str) -> None:
        await self._desk.ledger("release", op)


def _price(usd_per_mtok: tuple[str, str]) -> Price:
    return Price(Rate.of(*usd_per_mtok))
