"""A desk: what one turn may ask of the world, with every answer numbered.

Calls inside a turn are steps. An answer that was recorded by an earlier attempt is given back
instead of calling again, and a failure is raised again, so that a replay takes the same road; a turn
that asks for another step than the recorded one is caught. What a turn merely reads, and how a step
failed, is recorded only together with the next step, since only then does it matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from stigmergy.protocols.codec import unpack as unpack_plain
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import (
    KINDS,
    DeadlineExceeded,
    Fenced,
    NonDeterministic,
    StepFailed,
    StigmergyError,
    SwarmStopped,
    WireError,
    pack,
    unpack,
)
from stigmergy.protocols.turn import CANCELLED, FAILED, REFUSED, Delivery, Step

from ..clock import Clock
from ..transport.link import PeerGone
from .access import Board, Copies
from .over import turn_over
from .underway import Underway
from .words import Words, ask_of

NOT_OURS: Final = (Fenced, SwarmStopped, PeerGone)
"""Errors that end the turn here, whatever its handler makes of them: no road of its own."""

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
        self.round = delivery.round
        self.attempt = delivery.attempt
        self._steps = {step.number: step for step in delivery.steps}
        self._next = 0
        self._reads: list[Step] = []
        """What matters only if the turn goes on: reads and failures that are not recorded yet."""
        self.held = False
        """Whether the turn waits for a person, whatever its handler comes to."""
        self._ended = False

    @property
    def turn(self) -> str:
        """Id of the message that this turn handles."""
        return self.delivery.envelope.id

    @property
    def position(self) -> int:
        """Number of the next step of this attempt."""
        return self._next

    def hold(self) -> NoReturn:
        """End the handler; a person decides how the turn goes on."""
        self.held = True
        raise TurnHeld

    def end(self) -> None:
        """The handler has ended: what it left behind begins no step here."""
        self._ended = True

    def abandon(self) -> None:
        """The turn runs anew at another desk: what its handler left behind at this one is cancelled."""
        self._settled = _cancelled

    def restart(self, attempt: int, round_: int) -> None:
        """Begin the turn again: successful steps stay, failed ones are forgotten."""
        self.attempt, self.round = attempt, round_
        self._next, self._ended = 0, False
        self._reads.clear()
        self._steps = {number: step for number, step in self._steps.items() if not step.failed}

    async def step(self, key: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """The result of ``call``, or of the same step in an earlier attempt. The result must be plain data.

        Raises: NonDeterministic, StepFailed, and what ``call`` raises if it is one of the project's own errors.
        """
        index, known = self.take(key)
        if known is not None:
            return await recalled(known)
        await self._settled()
        with self.noted(index, key):
            step = Step(index, key, await call())
            await self.record(step)
        return step.result

    async def ask(self, question: Words, timeout_s: float, now: float) -> Envelope:
        """Send a question and wait for its answer.

        Raises: DeadlineExceeded, NonDeterministic, and what the answerer raised.
        """
        key = f"ask:{question.to}:{question.type}"
        index, known = self.take(key)
        if known is not None:
            reply = Envelope.from_wire(await recalled(known))
        else:
            await self._settled()
            with self.noted(index, key):
                reply = await self._ask(index, key, question, timeout_s, now)
            self._steps[index] = Step(index, key, reply.to_wire())
        if reply.mode == "error":
            raise unpack(reply.type, unpack_plain(reply.body))
        return reply

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float = 0.0) -> Any:
        """Read from the blackboard, or from the host's copy of it if that may be so old."""
        return await self._read(operation, lambda: self._replica.look(operation, arguments, max_age_s))

    async def find(self, query: dict[str, Any]) -> Any:
        """Search the registry."""
        return await self._read("find", lambda: self._board.ask("find", query))

    async def act(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Change the blackboard at once; the same act of the same turn changes it once."""
        index, _ = self.take(operation)
        await self._settled()
        envelope, agent = self.delivery.envelope, self.delivery.agent
        reads = self._claim_reads()
        if reads:
            await self._board.ask("step", [self.turn, reads])
        payload = [operation, arguments, agent, f"{self.turn}:{index}", envelope.conversation]
        return await self._board.ask("act", payload)

    async def ledger(self, *request: Any) -> Any:
        """Ask the ledger. Who stops waiting for a reservation has sent nothing, and needs none."""
        await self._settled()
        try:
            return await self._board.ask("ledger", list(request))
        except asyncio.CancelledError:
            if request[0] == "reserve":
                withdrawn = self._board.ask("ledger", ["withdraw", request[1]])
                withdrawn.add_done_callback(lambda word: word.cancelled() or word.exception())
            raise

    async def _ask(self, index: int, key: str, question: Words, timeout_s: float, now: float) -> Envelope:
        own = self.delivery.envelope
        deadline = now + timeout_s if not own.deadline else min(own.deadline, now + timeout_s)
        envelope = ask_of(self.delivery, index, self.round, question, deadline)
        answer: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()
        self._asks[envelope.id] = answer
        accepted = self._board.ask("send", [list(envelope), [index, key], self._claim_reads()])
        accepted.add_done_callback(lambda sent: _fail_if_refused(sent, answer))
        try:
            async with asyncio.timeout(max(0.0, deadline - now) + GRACE_S):
                return await answer
        except TimeoutError:
            raise DeadlineExceeded(f"{question.to} did not answer {question.type} within {timeout_s:g} s") from None
        finally:
            self._asks.pop(envelope.id, None)

    async def _read(self, key: str, call: Callable[[], Awaitable[Any]]) -> Any:
        index, known = self.take(key)
        if known is not None:
            return known.result
        await self._settled()
        result = await call()
        self._reads.append(Step(index, key, result))
        return result

    def take(self, key: str) -> tuple[int, Step | None]:
        """The next step's number, and the step if it was recorded. Raises: NonDeterministic, TurnOver."""
        if self._ended:
            raise turn_over(self.delivery.agent)
        index, self._next = self._next, self._next + 1
        known = self._steps.get(index)
        if known is not None and known.key != key:
            raise NonDeterministic(
                f"step {index} of turn {self.turn} was {known.key!r} and is now {key!r}: a handler may depend only on "
                "its message, its state and ctx (not on the clock, random numbers, globals or set order)"
            )
        return index, known

    @contextmanager
    def noted(self, index: int, key: str) -> Iterator[None]:
        """Keep how the step in this block fails, for the case that the handler goes on; raise what a replay raises."""
        try:
            yield
        except NOT_OURS:
            raise
        except asyncio.CancelledError:
            self._reads.append(Step(index, key, None, CANCELLED))
            raise
        except Exception as error:
            lasting = _lasting(key, error)
            self._reads.append(Step(index, key, list(pack(lasting)), FAILED))
            if lasting is error:
                raise
            raise lasting from error

    async def record(self, step: Step) -> None:
        """Make a step durable, and what was read before it."""
        await self._settled()
        reads = self._claim_reads()
        try:
            await self._board.ask("step", [self.turn, [*reads, step]])
        except WireError:  # it never left
            self._reads += reads
            raise
        self._steps[step.number] = step

    def _claim_reads(self) -> list[Step]:
        reads, self._reads = self._reads, []
        self._steps.update((read.number, read) for read in reads)
        return reads


def _lasting(key: str, error: Exception) -> StigmergyError:
    """An error as it comes back from a journal: the project's own as they are, others by name and text."""
    if isinstance(error, StigmergyError):
        return error if KINDS.get(type(error).__name__) is type(error) else unpack(*pack(error))
    return StepFailed(f"step {key!r} failed: {type(error).__name__}: {error}")


async def recalled(step: Step) -> Any:
    """What a recorded step came to: its result, its error, or a wait that the handler gives up again."""
    if step.outcome in {FAILED, REFUSED}:
        raise unpack(*step.result)
    if step.outcome == CANCELLED:
        await asyncio.get_running_loop().create_future()
    return step.result


def _fail_if_refused(sent: asyncio.Future[Any], answer: asyncio.Future[Envelope]) -> None:
    if sent.cancelled():
        answer.cancel()
    elif (error := sent.exception()) is not None and not answer.done():
        answer.set_exception(error if isinstance(error, StigmergyError) else StigmergyError(str(error)))


async def _cancelled() -> None:
    raise asyncio.CancelledError
