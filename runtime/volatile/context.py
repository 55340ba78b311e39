"""The context of a volatile turn: the same world as `Context`, without bytes between it and its host.

What needs the board (facts, trails, claims, models, `run`) goes the same way as in a durable turn; the
desk for that is made when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from stigmergy.actors.host.desk import Desk
from stigmergy.actors.host.over import Over
from stigmergy.actors.volatile.places import Place
from stigmergy.actors.volatile.turn import Turn
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import ToolRefused
from stigmergy.protocols.ids import AgentId, check_name
from stigmergy.protocols.message import Done, Message, check_message, check_wait
from stigmergy.protocols.plain import Quick

from ..context import ASK_TIMEOUT_S, Context, Means
from ..tools import Tool
from .stage import Stage
from .stream import Stream

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class VolatileContext(Context):
    """What a handler of a volatile swarm gets beside its message."""

    def __init__(self, turn: Turn, stage: Stage) -> None:
        self._turn = turn
        self._stage = stage
        self._writes = turn.writes
        self._known: Callable[[Any], Place | None] = turn.host.places.get
        self._stream: Stream | None = None

    @property
    def _desk(self) -> Desk:
        turn = self._turn
        if turn.desk is None:
            turn.desk = self._stage.desk(turn)
            if type(turn.sends) is Over:
                turn.desk.end()
        if turn.desk.attempt != turn.attempt:
            turn.desk.road.restart(turn.attempt, turn.attempt - 1)
        desk: Desk = turn.desk
        return desk

    @property
    def _means(self) -> Means:
        return self._stage.means[self._turn.slot.part.spec.name]

    @property
    def me(self) -> AgentId:
        """See `Context.me`."""
        kind, _, key = self._turn.slot.name.partition("/")
        return AgentId(kind, key)

    @property
    def sender(self) -> str:
        """See `Context.sender`."""
        return self._turn.letter.sender

    @property
    def conversation(self) -> str:
        """See `Context.conversation`."""
        return self._turn.letter.talk.id

    @property
    def envelope(self) -> Envelope:
        """See `Context.envelope`."""
        return self._turn.letter.envelope(self._turn.slot.name)

    @property
    def attempt(self) -> int:
        """See `Context.attempt`."""
        return self._turn.attempt

    @property
    def now(self) -> float:
        """Unix seconds; in lockstep the number of the round."""
        return self._stage.time()

    @property
    def random(self) -> Stream:
        """The random stream of this agent, the same for the same seed of the run."""
        stream, slot = self._stream, self._turn.slot
        if stream is None:
            stream = self._stream = Stream()
        if stream.slot is not slot:
            stream.take(slot, self._stage.seed)
        return stream

    @property
    def taint(self) -> tuple[str, ...]:
        """See `Context.taint`."""
        return self._turn.taint

    @property
    def log(self) -> FilteringBoundLogger:
        """See `Context.log`."""
        letter = self._turn.letter
        return self._stage.log.bind(agent=self._turn.slot.name, conversation=letter.talk.id, trace_id=letter.talk.id)

    def mark(self, origin: str) -> None:
        """See `Context.mark`."""
        if origin not in self._turn.taint:
            self._turn.taint = (*self._turn.taint, check_name(origin, "origin"))

    def ask(
        self, to: str | AgentId, message: Message, *, reply: type[Any] = Done, timeout_s: float = ASK_TIMEOUT_S
    ) -> Coroutine[Any, Any, Any]:
        """See `Context.ask`."""
        if timeout_s is not ASK_TIMEOUT_S:
            check_wait(timeout_s)
        return self._turn.ask(to, message, reply, timeout_s)

    def tell(self, to: str | AgentId, message: Message) -> None:
        """See `Context.tell`."""
        if type(type(message)) is not Quick:
            check_message(message)
        turn = self._turn
        turn.sends.append((self._known(to) or turn.host.office.find(str(to), turn.slot.name), message, turn.taint))

    def post(self, topic: str, message: Message) -> None:
        """See `Context.post`."""
        if type(type(message)) is not Quick:
            check_message(message)
        turn = self._turn
        office = turn.host.office
        place = office.topics.get(topic) or office.topic(check_name(topic, "topic"))
        turn.sends.append((place, message, turn.taint))

    async def follow(self, topic: str) -> None:
        """See `Context.follow`."""
        host = self._turn.host
        host.office.follow(topic, self._turn.slot)
        if host.mesh is not None:
            await host.mesh.follow(topic)

    async def unfollow(self, topic: str) -> None:
        """See `Context.unfollow`."""
        host = self._turn.host
        if not host.office.unfollow(topic, self._turn.slot) and host.mesh is not None:
            host.mesh.unfollow(topic)

    async def tool(self, tool: Any, arguments: Any) -> Any:
        """See `Context.tool`. What cannot be taken back needs a journal that knows of it. Raises: ToolRefused."""
        name = tool.name if isinstance(tool, Tool) else str(tool)
        if self._means.tools.effect(name) == "irreversible":
            raise ToolRefused(f"{name} is irreversible, and a volatile swarm remembers nothing: use a durable one")
        return await super().tool(name, arguments)

    def end(self) -> None:
        """See `Context.end`."""
        turn = self._turn
        over: Any = Over(turn.slot.name)
        turn.host = turn.sends = turn.writes = self._writes = over
        if turn.desk is not None:
            turn.desk.end()
