"""Agents: a class per kind, a handler per message type.

Example::

    class Librarian(Agent):
        \"\"\"Answers from the shelf it was given.\"\"\"
        skills = [Skill(id="lookup", description="Finds the passage that answers a question")]

        @handles
        async def lookup(self, question: Question, ctx: Context) -> Answer: ...

An agent handles one message at a time. What it must remember lives in ``self.state``, which is kept
with each turn; any other attribute is a cache that may be gone at the next message.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Final, get_type_hints, overload

from pydantic import BaseModel

from stigmergy.protocols.card import AgentCard, Skill
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.ids import AgentId
from stigmergy.protocols.kind import KindSpec, Resources
from stigmergy.protocols.message import Message, older_types

from .states import State, describe_state
from .tools import Allowed, Tool, Toolbox

_MARK: Final = "__stigmergy_handles__"

_PARAMETERS: Final = ("self", "message", "ctx")

_CHANGEABLE: Final = frozenset(
    {"kind", "pool", "mailbox", "attempts", "turn_timeout_s", "reentrant", "topics", "resources"}
)


class NoState(State):
    """What ``state`` is until the kind's own is put there; nothing else can be, or no later turn could read it.

    It has no ``__get__``, so reading ``state`` costs no call.
    """

    def __set__(self, agent: Agent, state: object) -> None:
        """See `object.__set__`. Raises: UsageError."""
        wanted = state_class(type(agent))
        if type(state) is not wanted:
            where = f"{type(agent).__name__}.state"
            raise UsageError(
                f"{where} must be of class {wanted.__name__}, not {state!r:.60}: assign to its fields, or a whole one"
            )
        agent.__dict__["state"] = state


class Agent:
    """Base of every agent. Class attributes say how the kind is run; handlers say what it does."""

    kind: ClassVar[str] = ""
    """Name of the kind; by default the class name in kebab case: ``QualityAgent`` is ``quality-agent``."""
    version: ClassVar[str] = "1.0.0"
    skills: ClassVar[Sequence[Skill]] = ()
    emits: ClassVar[Sequence[type[Message]]] = ()
    """Message types that it sends besides its answers; they show on its card."""
    tools: ClassVar[Sequence[Tool[Any, Any] | Allowed]] = ()
    """Tools that its handlers may use with `Context.tool`, with caps on their arguments."""
    topics: ClassVar[Sequence[str]] = ()
    """Topics whose posts go to the kind: one agent of the pool gets each."""
    pool: ClassVar[int] = 8
    """How many agents share the messages that are addressed to the kind or to a skill of it; 8."""
    mailbox: ClassVar[int] = 1_000
    """Messages that may wait for one agent; 1,000."""
    attempts: ClassVar[int] = 3
    """How often a message is tried before it is dead-lettered; 3."""
    turn_timeout_s: ClassVar[float] = 300.0
    """A handler that runs longer is cancelled; 300 s."""
    reentrant: ClassVar[bool] = False
    """Whether it takes other messages while it waits in an ask."""
    resources: ClassVar[Resources] = Resources()

    state: Any = NoState()
    """Annotate it with your own `State` class: ``state: Notes``."""
    _name: str
    _given: dict[str, Any]
    """From these two comes what many agents are never asked for."""

    @cached_property
    def me(self) -> AgentId:
        """Who this is. Known after ``__init__``."""
        return AgentId.parse(self._name)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What ``swarm.add(..., settings=...)`` gave the kind: a copy of its own. Known after ``__init__``."""
        return dict(self._given)

    async def on_start(self) -> None:
        """Runs in the host before the first message after an activation. An exception fails that message's turn."""

    async def on_stop(self) -> None:
        """Runs when the idle agent is passivated and when its host closes in good order.

        It has 10 s; an exception is logged; a crash skips it. What it changes in ``state`` is not kept.
        """


@dataclass(frozen=True, slots=True)
class Handler:
    """One handler of a kind."""

    method: str
    accepts: type[Message]
    returns: type[Message] | None
    takes_context: bool
    suspends: bool
    """Whether it is a coroutine."""


@overload
def handles(what: type[Message]) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
@overload
def handles(what: Callable[..., Any]) -> Callable[..., Any]: ...


def handles(what: Any) -> Any:
    """Mark a method as the handler for the message type that its first parameter is annotated with.

    ``@handles(Question)`` says it outright, where annotations cannot be resolved (classes made inside a function).
    The method is called with the message and, if it takes one, a `Context`; sync or async. What it returns answers an
    ask.
    """
    if isinstance(what, type) and issubclass(what, Message):
        cls = what

        def mark(function: Callable[..., Any]) -> Callable[..., Any]:
            setattr(function, _MARK, cls)
            return function

        return mark
    setattr(what, _MARK, None)
    return what


def maker(cls: type[Agent], settings: dict[str, Any]) -> Callable[[str], Agent]:
    """What makes agents of a kind, given their names (``kind/key``)."""

    def make(name: str) -> Agent:
        agent = cls()
        agent._name, agent._given = name, settings
        return agent

    return make


def handlers_of(cls: type[Agent]) -> dict[str, Handler]:
    """The handlers of a kind by message type. Raises: UsageError that names the handler and its fault."""
    found: dict[str, Handler] = {}
    for name, function in inspect.getmembers(cls, inspect.isfunction):
        if not hasattr(function, _MARK):
            continue
        handler = _handler(cls, name, function)
        twin = found.setdefault(handler.accepts.message_type, handler)
        if twin is not handler:
            both = f"{cls.__name__}: {twin.method} and {name} both handle {handler.accepts.message_type}"
            raise UsageError(f"{both}; keep one, or give each a message class of its own")
    if not found:
        raise UsageError(f"{cls.__name__} handles nothing: mark a method with @handles")
    return found


def older_handlers(handlers: dict[str, Handler]) -> dict[str, Handler]:
    """Handlers by the earlier message types that they can be given, beside their own."""
    found = {older: handler for handler in handlers.values() for older in older_types(handler.accepts)}
    return {older: handler for older, handler in found.items() if older not in handlers}


def kind_name(cls: type[Agent]) -> str:
    """``kind``, or the class name in kebab case."""
    return cls.__dict__.get("kind") or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()


def state_class(cls: Any) -> type[BaseModel]:
    """The class that ``state`` is annotated with. Raises: UsageError."""
    return _state_class(cls)


@lru_cache(maxsize=1_000)
def _state_class(cls: Any) -> type[BaseModel]:
    for owner in cls.__mro__:
        annotation = inspect.get_annotations(owner).get("state")
        if annotation is None or owner is Agent:
            continue
        hint = annotation if isinstance(annotation, type) else _hints(owner, owner.__name__).get("state")
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return hint
        raise UsageError(f"{owner.__name__}.state must be annotated with a class derived from State")
    return State


def describe(cls: type[Agent], module: str, settings: dict[str, Any], **changes: Any) -> KindSpec:
    """Everything other processes need to know about a kind. ``changes`` replace class attributes.

    Raises: UsageError, InvalidName, InvalidCard.
    """
    unknown = changes.keys() - _CHANGEABLE
    if unknown:
        raise UsageError(f"{cls.__name__} has no option {min(unknown)!r}; known are {', '.join(sorted(_CHANGEABLE))}")
    handlers = handlers_of(cls)
    Toolbox(cls.__name__, cls.tools)
    if changes.get("reentrant", cls.reentrant) and state_class(cls) is not State:
        raise UsageError(f"{cls.__name__} is reentrant and has state: its turns overlap, so keep facts instead")
    state = state_class(cls)
    unset = next((name for name, field in state.model_fields.items() if field.is_required()), None)
    if unset is not None:
        field = f"{state.__name__}.{unset}"
        raise UsageError(f"{cls.__name__}: {field} has no default; an agent begins with it, so give one")
    name = changes.pop("kind", None) or kind_name(cls)
    accepts = [handler.accepts for handler in handlers.values()]
    emits = {h.returns.message_type: h.returns for h in handlers.values() if h.returns is not None}
    emits |= {message.message_type: message for message in cls.emits}
    card = AgentCard.for_kind(
        name,
        inspect.cleandoc(cls.__doc__ or cls.__name__),
        skills=cls.skills,
        version=cls.version,
        accepts=accepts,
        emits=list(emits.values()),
    )
    options = {option: getattr(cls, option) for option in _CHANGEABLE - {"kind"}} | changes
    if not isinstance(options["topics"], list | tuple):
        raise UsageError(f"{cls.__name__}: topics is {options['topics']!r:.40}; give a tuple, for example ('news',)")
    spec = KindSpec(
        name=name,
        module=module,
        qualname=cls.__qualname__,
        card=card.to_plain(),
        accepts=tuple(handlers),
        reads=tuple(sorted(older_handlers(handlers))),
        skills=tuple(skill.id for skill in card.skills),
        settings=settings,
        state=describe_state(state),
        **{**options, "topics": tuple(options["topics"])},
    )
    spec.check()
    return spec


def _handler(cls: type[Agent], name: str, function: Callable[..., Any]) -> Handler:
    where = f"{cls.__name__}.{name}"
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) not in {len(_PARAMETERS) - 1, len(_PARAMETERS)}:
        raise UsageError(f"{where} must take ({', '.join(_PARAMETERS)}), or the same without ctx")
    accepts = getattr(function, _MARK)
    hints = _hints(function, where) if accepts is None else _lenient_hints(function)
    accepts = accepts or hints.get(parameters[1])
    if not (isinstance(accepts, type) and issubclass(accepts, Message)):
        order = "" if len(parameters) < len(_PARAMETERS) else f"; a handler takes ({', '.join(_PARAMETERS)})"
        change = f"annotate {parameters[1]!r} with a Message class, or write @handles(ThatClass)"
        raise UsageError(f"{where}: {change}{order}")
    if accepts is Message:
        raise UsageError(f"{where}: Message is the base of all: annotate {parameters[1]!r} with a class of your own")
    returns = hints.get("return")
    answers = isinstance(returns, type) and issubclass(returns, Message)
    with_context, suspends = len(parameters) == len(_PARAMETERS), inspect.iscoroutinefunction(function)
    return Handler(name, accepts, returns if answers else None, with_context, suspends)


@lru_cache(maxsize=4_000)
def _hints(target: Any, where: str) -> dict[str, Any]:
    """What a function or a class is annotated with, worked out once: each host of each swarm asks again."""
    try:
        return get_type_hints(target)
    except NameError as why:
        raise UsageError(
            f"{where}: annotation {why.name!r} cannot be found from its module; define the class at module level, "
            "or write @handles(ThatClass)"
        ) from None


def _lenient_hints(target: Any) -> dict[str, Any]:
    try:
        return get_type_hints(target)
    except NameError:
        return {}
