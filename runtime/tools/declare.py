"""Declaring tools.

Example::

    class Credit(BaseModel):
        customer: str
        usd: float

    @tool("irreversible", timeout_s=10)
    def credit(call: Credit, use: Use) -> Receipt:
        \"\"\"Pays a customer back.\"\"\"
        return bank.pay(call.customer, call.usd, idempotency_key=use.key)

    class Desk(Agent):
        tools = [credit.allow(usd=AtMost(50)), look_up]

The rule of this file: what a tool changes outside is declared, not guessed; and a kind can use only
what is on its list, within the caps that stand there.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, get_type_hints, overload

from pydantic import BaseModel

from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.ids import check_name
from stigmergy.protocols.turn import Effect

from ..models.port import ToolSpec
from .caps import Cap

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R")

EFFECTS: Final = ("read", "idempotent", "irreversible")


class Use(NamedTuple):
    """What a tool's function learns about the call."""

    key: str
    """The same on every attempt of this step: hand it on as idempotency key."""
    agent: str
    conversation: str


@dataclass(frozen=True, slots=True)
class Tool(Generic[A, R]):
    """A function that reaches outside. Made by `tool`."""

    name: str
    effect: Effect
    takes: type[A]
    returns: type[BaseModel] | None
    """The class of its result, None for plain data."""
    function: Callable[[A, Use], R | Awaitable[R]]
    description: str
    timeout_s: float
    marks: str
    """How its results mark the context that sees them; empty for what can be trusted."""

    def allow(self, *, trust: Sequence[str] = (), **caps: Cap) -> Allowed:
        """This tool for a kind, with caps by field.

        ``trust`` names marks (``"user"``, say) that need no person's approval at this kind, since the caps will do.
        Raises: UsageError for a field that the tool does not have.
        """
        for name in caps:
            if name not in self.takes.model_fields:
                fields = ", ".join(self.takes.model_fields)
                raise UsageError(f"tool {self.name} has no argument {name!r:.60} to cap (arguments: {fields})")
        return Allowed(self, dict(caps), tuple(trust))

    def spec(self) -> ToolSpec:
        """The tool as a model is told of it: ``ctx.model(..., tools=(look_up.spec(),))``."""
        return ToolSpec(name=self.name, description=self.description, parameters=self.takes.model_json_schema())


@dataclass(frozen=True, slots=True)
class Allowed:
    """A tool on a kind's list."""

    tool: Tool[Any, Any]
    caps: Mapping[str, Cap] = field(default_factory=dict)
    trust: tuple[str, ...] = ()


class _Declare(Protocol):
    @overload
    def __call__(self, function: Callable[[A, Use], Coroutine[Any, Any, R]], /) -> Tool[A, R]: ...
    @overload
    def __call__(self, function: Callable[[A, Use], R], /) -> Tool[A, R]: ...


def tool(effect: Effect, *, name: str = "", timeout_s: float = 30.0, marks: str = "tool") -> _Declare:
    """Make a tool of a function ``(arguments, use)``, sync or async; a sync one runs in a thread.

    Args:
        effect: ``read`` changes nothing; ``idempotent`` may be called again with the same ``use.key``;
            ``irreversible`` is called once, and when nobody knows whether it was, a person decides.
        name: By default the function's name.
        timeout_s: Deadline of a call; 30 s.
        marks: Results mark the context as touched by this origin; ``""`` for results that can be trusted.

    Raises: UsageError, InvalidName.
    """
    if effect not in EFFECTS:
        raise UsageError(f"a tool cannot be {effect!r:.40}; it is one of {', '.join(EFFECTS)}")

    def declare(function: Any) -> Tool[Any, Any]:
        where = f"tool {function.__qualname__}"
        parameters = list(inspect.signature(function).parameters)
        hints = get_type_hints(function)
        takes: Any = hints.get(parameters[0]) if parameters else None
        if len(parameters) != len(("arguments", "use")) or not _is_model(takes):
            raise UsageError(f"{where} must take (arguments, use), with arguments annotated as a pydantic model")
        returns: Any = hints.get("return")
        return Tool(
            name=check_name(name or function.__name__, "tool"),
            effect=effect,
            takes=takes,
            returns=returns if _is_model(returns) else None,
            function=function,
            description=inspect.cleandoc(function.__doc__ or ""),
            timeout_s=timeout_s,
            marks=marks and check_name(marks, "origin"),
        )

    return declare


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)
