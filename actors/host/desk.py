"""A desk: what one turn may ask of the world, with every answer numbered.

Calls inside a turn are steps (`Road`). An answer that was recorded by an earlier attempt is given back instead of
calling again, and a failure is raised again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Final, NoReturn

from stigmergy.protocols.codec import pack as pack_plain
from stigmergy.protocols.codec import unpack as unpack_plain
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import DeadlineExceeded, StigmergyError, WireError, unpack
from stigmergy.protocols.turn import TRIED, Delivery, Step

from ..clock import Clock
from .access import Board, Copies
from .road import Road, Taken, recalled
from .underway import Underway
from .words import Words, ask_of

GRACE_S: Final = 2.0
"""How much longer than the deadline a turn waits for the board to say that it has passed."""


class TurnHeld(BaseException):
    """Ends a handler whose turn waits for a person."""


class Desk:
    """One delivery at one agent, from the inside."""

    def __init__(
        self,
        delivery: Delivery,
        host: str,
        board: Board,
        replica: Copies,
        asks: dict[str, asyncio.Future[Envelope]],
        clock: Clock,
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        """``host`` is the life of the host that runs it; ``asks`` its table of answers that are waited for.

        ``settled`` waits until the agent's turns before this one have committed.
        """
        self.delivery = delivery
        self.host = host
        self.clock = clock
        self.underway = Underway()  # a host that runs several turns puts theirs in its place
        self._board = board
        self._replica = replica
        self._asks = asks
        self._settled = settled
        self.acted: Mapping[int, None] = {}
        """Shards on which it has changed something at once, where there are several."""
        self.road = Road(delivery)
        self.held = False
        """Whether the turn waits for a person, whatever its handler comes to."""
        self._calls: dict[asyncio.Future[None], None] = {}
        """Of tools that may be having their effects."""

    @property
    def turn(self) -> str:
        """Id of the message that this turn handles."""
        return self.delivery.envelope.id

    @property
    def attempt(self) -> int:
        """How often the message has been tried, from 1."""
        return self.road.attempt

    def hold(self) -> NoReturn:
        """End the handler; a person decides how the turn goes on."""
        self.held = True
        raise TurnHeld

    @contextmanager
    def calling(self) -> Iterator[None]:
        """One call of a tool that has effects, from before its intention is durable until its result is."""
        with self.underway.call() as end:
            self._calls[end] = None
            try:
                yield
            finally:
                del self._calls[end]

    def arrive(self) -> None:
        """The handler has come to its end, and what it did shall count. Raises: NonDeterministic."""
        self.road.arrive()

    def end(self) -> None:
        """The handler has ended: what it left behind begins no step here."""
        self.road.end()

    async def rest(self) -> None:
        """Wait until every tool that the handler has left at work has come to its recorded end; close the record."""
        while self._calls:
            await asyncio.wait(list(self._calls))
        self.road.close()

    def abandon(self) -> None:
        """The turn runs anew at another desk: what its handler left behind at this one is cancelled."""
        self._settled = _cancelled

    async def step(self, key: str, call: Callable[[Taken], Awaitable[Any]]) -> Any:
        """The result of ``call``, or of the same step in an earlier attempt. The result must be plain data.

        Raises: NonDeterministic, StepFailed, and what ``call`` raises if it is one of the project's own errors.
        """
        taken = self.road.take(key)
        if taken.known is not None:
            return await recalled(taken.known)
        await self._settled()
        with self.road.noted(taken):
            result = await call(taken)
            await self.record(taken, result)
        return result

    async def ask(self, question: Words, timeout_s: float) -> Envelope:
        """Send a question and wait for its answer. The board counts the time, and ends it sooner if the asker's own is.

        Raises: DeadlineExceeded, NonDeterministic, and what the answerer raised.
        """
        taken = self.road.take(f"ask:{question.to}:{question.type}:{_digest([question.body, question.taint])}")
        if taken.known is not None:
            reply = Envelope.from_wire(await recalled(taken.known))
        else:
            await self._settled()
            with self.road.noted(taken):
                reply = await self._ask(taken, question, timeout_s)
            self.road.keep(Step(taken.number, taken.key, reply.to_wire()))
        if reply.mode == "error":
            raise unpack(reply.type, unpack_plain(reply.body))
        return reply

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float = 0.0) -> Any:
        """Read from the blackboard, or from the host's copy of it if that may be so old."""
        return await self._read(operation, arguments, lambda: self._replica.look(operation, arguments, max_age_s))

    async def find(self, query: dict[str, Any]) -> Any:
        """Search the registry."""
        return await self._read("find", query, lambda: self._board.ask("find", query))

    async def act(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Change the blackboard at once; the same act at the same place of the same turn changes it once.

        The blackboard remembers what has changed it. What has not, because nothing was there or somebody was first, is
        recorded like a read.
        """
        digest = _digest([operation, arguments])
        taken = self.road.take(f"act:{operation}:{digest}")
        if taken.known is not None and taken.known.outcome != TRIED:
            return await recalled(taken.known)
        await self._settled()
        self.road.check(taken)
        envelope, agent = self.delivery.envelope, self.delivery.agent
        await self.catch_up()
        name = f"{self.turn}:{taken.number}:{digest}"
        self.road.act(taken)
        with self.road.noted(taken):
            result = await self._board.ask("act", [operation, arguments, agent, name, envelope.conversation])
        if result is None:
            self.road.pass_by(taken, None)
        return result

    async def ledger(self, *request: Any) -> Any:
        """Ask the ledger. Who stops waiting for a reservation has sent nothing, and needs none."""
        await self._settled()
        try:
            return await self._board.ask("ledger", list(request))
        except asyncio.CancelledError:
            if request[0] == "reserve":
                self._say("ledger", ["withdraw", request[1]])
            raise

    async def catch_up(self) -> None:
        """Make durable what was noted so far."""
        reads = self._claim()
        if reads:
            await self._board.ask("step", [self.turn, reads])

    async def record(self, taken: Taken, result: Any, outcome: str = "done") -> None:
        """Make a step durable, and what was read before it. Raises: TurnOver when its attempt is over."""
        await self._settled()
        self.road.check(taken)
        step, reads = Step(taken.number, taken.key, result, outcome), self._claim()
        try:
            await self._board.ask("step", [self.turn, [*reads, step]])
        except WireError:  # it never left
            self.road.put_back(reads)
            raise
        self.road.keep(step)

    def _claim(self) -> list[Step]:
        """What is to be recorded with the next step. If the turn has left its road, the board hears of it before."""
        left = self.road.turning()
        if left is not None:
            self._say("leave", [self.turn, left])
        return self.road.claim()

    def _say(self, name: str, payload: list[Any]) -> None:
        """Ask the board for something whose answer nobody waits for."""
        said = self._board.ask(name, payload)
        said.add_done_callback(lambda word: word.cancelled() or word.exception())

    async def _ask(self, taken: Taken, question: Words, timeout_s: float) -> Envelope:
        self.road.check(taken)
        envelope = ask_of(self.delivery, taken.number, taken.round, question)
        answer: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        self._asks[envelope.id] = answer
        accepted = self._board.ask("send", [list(envelope), [taken.number, taken.key], self._claim(), timeout_s])
        accepted.add_done_callback(lambda sent: _fail_if_refused(sent, answer))
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                return await answer
        except TimeoutError:
            raise DeadlineExceeded(f"{question.to} did not answer {question.type} within {timeout_s:g} s") from None
        finally:
            self._asks.pop(envelope.id, None)

    async def _read(self, what: str, arguments: dict[str, Any], call: Callable[[], Awaitable[Any]]) -> Any:
        taken = self.road.take(f"{what}:{_digest(arguments)}")
        if taken.known is not None:
            return await recalled(taken.known)
        await self._settled()
        result = await call()
        self.road.pass_by(taken, result)
        return result


def _digest(said: Any) -> str:
    """All of what somebody asked or did, in 16 hex digits: something else at the same place is another step."""
    return blake2b(pack_plain(said), digest_size=8).hexdigest()


def _fail_if_refused(sent: asyncio.Future[Any], answer: asyncio.Future[Envelope]) -> None:
    if sent.cancelled():
        answer.cancel()
    elif (error := sent.exception()) is not None and not answer.done():
        answer.set_exception(error if isinstance(error, StigmergyError) else StigmergyError(str(error)))


async def _cancelled() -> None:
    raise asyncio.CancelledError
