"""The context: an agent's whole world during one turn.

What goes through it is journaled, budgeted, traced and can be replayed; so a handler needs neither
the clock nor random numbers nor globals of its own. Calls that are awaited happen now and are
recorded; the others are part of the turn: they happen when it commits, or not at all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from pydantic import BaseModel

from stigmergy.actors.host.desk import Desk
from stigmergy.actors.host.over import Over
from stigmergy.actors.host.road import Taken
from stigmergy.actors.host.words import Words, answer_of, series_of, tell_of
from stigmergy.protocols import codec
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.ids import AgentId, check_address, check_name, derive_id
from stigmergy.protocols.message import Done, Message, addressed, check_ask, decode_as, encode, reads, unlike
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import Write

from .aside import ordinary
from .tools import Tool
from .views import Claims, Facts, Post, Trail, read_topic

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from .models.port import ModelMessage, ModelReply, ToolSpec
    from .thinking import Thinking
    from .tools import Toolbox

R = TypeVar("R", bound=Message)
A = TypeVar("A", bound=BaseModel)
V = TypeVar("V")

ASK_TIMEOUT_S = 30.0
"""How long an ask waits by default."""


class Means(NamedTuple):
    """What a turn can think and act with."""

    thinking: Thinking
    tools: Toolbox
    birth: str
    """Tells this run from all others, unlike its seed; part of the keys that tools hand on."""


class Context:
    """What a handler gets beside its message."""

    def __init__(self, desk: Desk, means: Means, log: FilteringBoundLogger, seed: int) -> None:
        self._own_desk = desk
        self._own_means = means
        self._seed = seed
        self._random: random.Random | None = None
        self._numbers = 0
        self._sends: list[Envelope | Series] = []
        self._writes: list[Write] = []
        self._taint: tuple[str, ...] = desk.delivery.envelope.taint
        self._log = log
        self._own_log: FilteringBoundLogger | None = None

    @property
    def _desk(self) -> Desk:
        return self._own_desk

    @property
    def _means(self) -> Means:
        return self._own_means

    # -- who, when, why ----------------------------------------------------------------------

    @property
    def me(self) -> AgentId:
        """This agent."""
        kind, _, key = self._desk.delivery.agent.partition("/")
        return AgentId(kind, key)

    @property
    def sender(self) -> str:
        """Who sent the message: ``kind/key``."""
        return self._desk.delivery.envelope.sender

    @property
    def conversation(self) -> str:
        """What everything caused by one outside request shares."""
        return self._desk.delivery.envelope.conversation

    @property
    def envelope(self) -> Envelope:
        """The message's envelope."""
        return self._desk.delivery.envelope

    @property
    def attempt(self) -> int:
        """How often this message has been tried, from 1."""
        return self._desk.attempt

    @property
    def now(self) -> float:
        """Unix seconds when the message was accepted: the same on every attempt."""
        return self._desk.delivery.accepted_at

    @property
    def random(self) -> random.Random:
        """Random numbers of this turn, the same on every attempt and for the same seed of the run."""
        if self._random is None:
            self._random = random.Random(derive_id(self._seed, self._desk.delivery.agent, self._desk.turn))
        return self._random

    @property
    def taint(self) -> tuple[str, ...]:
        """Where untrusted content came from that this turn has seen: ``user``, ``tool``, ``web``, ``peer``."""
        return self._taint

    @property
    def log(self) -> FilteringBoundLogger:
        """A structlog logger that knows agent, conversation and trace."""
        if self._own_log is None:
            own = self.envelope
            fields = {"conversation": own.conversation, "trace_id": own.trace_id}
            self._own_log = self._log.bind(agent=self._own_desk.delivery.agent, **fields)
        return self._own_log

    def mark(self, origin: str) -> None:
        """Mark what this turn sends from now on as touched by content of that origin."""
        if origin not in self._taint:
            self._taint = (*self._taint, check_name(origin, "origin"))

    # -- messages ----------------------------------------------------------------------------

    @overload
    async def ask(self, to: str | AgentId, message: Message, *, timeout_s: float = ...) -> Done: ...
    @overload
    async def ask(self, to: str | AgentId, message: Message, *, reply: type[R], timeout_s: float = ...) -> R: ...
    async def ask(
        self, to: str | AgentId, message: Message, *, reply: type[Any] = Done, timeout_s: float = ASK_TIMEOUT_S
    ) -> Any:
        """Send a question and wait for the answer.

        ``to`` is an agent (``kind/key``), a kind (its least busy agent answers), or ``skill("...")``. The wait ends
        after ``timeout_s``, 30 s, or when the asker's own deadline passes. While it waits, this agent takes no other
        message unless its kind is reentrant.

        Raises: DeadlineExceeded, NoSuchAgent, UnknownMessage, Malformed (the answer is of another type),
            Quarantined, and what the answerer raised.
        """
        check_ask(reply, timeout_s)
        question = Words(check_address(str(to)), *addressed(message), self._taint)
        answer = await self._desk.ask(question, timeout_s)
        for origin in answer.taint:
            self.mark(origin)
        if not reads(reply, answer.type):
            raise unlike(str(to), answer.type, reply)
        return decode_as(reply, answer.type, answer.body)

    def tell(self, to: str | AgentId, message: Message) -> None:
        """Send a message when the turn commits."""
        self._numbers += 1
        words = Words(check_address(str(to)), *addressed(message), self._taint)
        self._sends.append(tell_of(self._desk.delivery, self._numbers, words))

    def post(self, topic: str, message: Message) -> None:
        """Put a message on a topic when the turn commits; everybody who follows it gets it, except the poster."""
        self._numbers += 1
        post = [self._numbers, *addressed(message)]
        series = self._sends[-1] if self._sends else None
        if type(series) is not Series or series.to != topic or series.taint != self._taint:
            series = series_of(self._desk.delivery, check_name(topic, "topic"), self._taint)
            self._sends.append(series)
        series.posts.append(post)

    async def follow(self, topic: str) -> None:
        """From now on get every post of a topic. A name ending in ``*`` means all topics that begin so."""
        await self._desk.act("topics.subscribe", {"topic": topic})

    async def unfollow(self, topic: str) -> None:
        """Get no more posts of a topic."""
        await self._desk.act("topics.unsubscribe", {"topic": topic})

    async def find(
        self, *, skill: str | None = None, tag: str | None = None, accepts: type[Message] | None = None
    ) -> list[str]:
        """Kinds that have a skill, a tag, or accept a message type; the best first."""
        query = {"skill": skill, "tag": tag, "accepts": accepts.message_type if accepts else None}
        found = await self._desk.find({name: value for name, value in query.items() if value is not None})
        return [match["kind"] for match in found]

    # -- the blackboard ----------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        """Versioned values on the blackboard."""
        return Facts(self._desk)

    def trail(self, name: str) -> Trail:
        """A trail, to read it or to change it at once."""
        return Trail(self._desk, name)

    async def read_topic(self, topic: str, after: int = 0, limit: int = 100, *, max_age_s: float = 0.0) -> list[Post]:
        """The posts behind an offset, oldest first, at most 100; the newest ``max_age_s`` may be missing."""
        return await read_topic(self._desk, check_name(topic, "topic"), after, limit, max_age_s=max_age_s)

    def claims(self, queue: str) -> Claims:
        """A queue of work items."""
        return Claims(self._desk, queue)

    def write(self, key: str, value: Any) -> None:
        """Write a fact when the turn commits, whatever version it has then. Raises: Malformed for no plain data."""
        codec.check(value, f"fact {key!r:.60}")  # said here, where the line is known that wrote it
        self._writes.append(Write("facts", "facts.put", {"key": key, "value": value}))

    def deposit(self, trail: str, amounts: Mapping[str, float], *, now: float | None = None) -> None:
        """Lay a trail when the turn commits: add to its keys. Deposits commute. Raises: Malformed for no plain data."""
        amounts = codec.check(dict(amounts), f"trail {trail!r:.60}")
        self._writes.append(Write("trails", "trails.deposit", {"trail": trail, "amounts": amounts, "now": now}))

    def blend(self, trail: str, keys: Sequence[str], toward: float, rate: float, *, now: float | None = None) -> None:
        """Move keys of a trail towards a value when the turn commits: ``(1 - rate) * v + rate * toward``."""
        arguments = {"trail": trail, "keys": list(keys), "toward": toward, "rate": rate, "now": now}
        self._writes.append(Write("trails", "trails.blend", arguments))

    # -- thinking and doing ------------------------------------------------------------------

    async def model(self, role: str, prompt: str | Sequence[ModelMessage], **options: Any) -> ModelReply:
        """Ask the model that plays a role, for example ``"router"``. Reserved on the ledger first, recorded after.

        Options: ``system``, ``output`` (a pydantic class), ``max_tokens`` (1,024), ``tools``, ``stop``, ``cache``
        (``"5m"`` or ``"1h"``), ``timeout_s`` (120).

        Raises: BudgetExhausted, UnknownPrice, ModelError, UsageError (no model plays that role).
        """
        return await self._means.thinking.ask(self._desk, role, prompt, options)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools of this kind, as `model` takes them."""
        return self._means.tools.specs()

    @overload
    async def tool(self, tool: Tool[A, V], arguments: A) -> V: ...
    @overload
    async def tool(self, tool: str, arguments: BaseModel | Mapping[str, Any]) -> Any: ...
    async def tool(self, tool: Any, arguments: Any) -> Any:
        """Call a tool of this kind, itself or by name. One call is reserved on the ledger first.

        Before a tool changes anything, the intention is durable. When nobody knows whether an irreversible one had its
        effect, or when this context is marked (see `taint`), the turn is held until a person has decided (`stigmergy
        approve`). The result marks this context.

        Raises: ToolRefused, ToolFailed, ToolTimeout, StepFailed (what the tool raised), BudgetExhausted.
        """
        name = tool.name if isinstance(tool, Tool) else str(tool)
        tools, birth = self._means.tools, self._means.birth
        result = await tools.call(self._desk, birth, name, arguments, self.taint)
        if marks := tools.marks(name):
            self.mark(marks)
        return result

    async def run(self, name: str, call: Callable[[], Any] | Callable[[], Awaitable[Any]]) -> Any:
        """Do something outside the swarm and record its plain result, so that a replay does not do it again.

        A plain function runs in a thread, so it may block. ``name`` must be the same on every attempt.
        Raises: UsageError when ``call`` was called already; Malformed for no plain data; StepFailed for what it raises.
        """
        if not callable(call):
            if asyncio.iscoroutine(call):
                call.close()
            raise UsageError(f"step {name!r:.70} was given a {type(call).__name__}: give it the function, not its call")

        async def once(_: Taken) -> Any:
            work = call() if asyncio.iscoroutinefunction(call) else asyncio.to_thread(ordinary, call)
            return codec.check(await work, f"the result of step {name!r:.60}")

        return await self._desk.step(f"run:{check_name(name, 'step')}", once)

    # -- for the performer -------------------------------------------------------------------

    def answer(self, message: Message) -> None:
        """Answer the ask that this turn handles, when it commits."""
        words = Words(self.sender, message.message_type, encode(message), self._taint)
        self._sends.append(answer_of(self._desk.delivery, words))

    def effects(self) -> tuple[tuple[Envelope | Series, ...], tuple[Write, ...]]:
        """What happens when the turn commits."""
        return tuple(self._sends), tuple(self._writes)

    def end(self) -> None:
        """The turn is over: from now on nothing can be sent, written or asked."""
        self._desk.end()
        self._sends = self._writes = Over(self._desk.delivery.agent)
