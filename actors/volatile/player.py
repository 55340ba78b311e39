"""The player: sees a turn through that does not end where it began.

Coroutines, agents that need time to start, failed turns and their next attempts, and turns that wait
for the ledger, the blackboard or a full mailbox. While one of these goes on its agent takes no other
letter, unless its kind is reentrant.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import (
    DeadlineExceeded,
    Quarantined,
    StigmergyError,
    SwarmStopped,
    UnknownMessage,
    UsageError,
)
from stigmergy.protocols.legible import legible
from stigmergy.protocols.message import Done, Message

from ..ending import is_closing, recovered
from ..failing import honest, is_worth_another, no_message, pause_s, worded
from ..host.desk import TurnHeld
from .letter import Letter
from .slot import Part, Slot
from .turn import Ground, Turn

DONE: Final = Done()


class Begun(NamedTuple):
    """A plain handler's turn that is not over: what it returned to wait for, or what it raised."""

    turn: Turn
    saved: Any
    rest: BaseException | Awaitable[Any]


class Player:
    """Plays turns on one host."""

    def __init__(self, host: Ground) -> None:
        self._host = host

    def occupy(self, slot: Slot, letter: Letter, begun: Begun | None = None) -> Awaitable[None]:
        """Play a turn, and then what has come for the agent meanwhile; from now on it is busy."""
        if slot.part.reentrant:
            return self._play(slot, letter, begun)
        slot.busy = True
        return self._occupy(slot, letter, begun)

    async def _occupy(self, slot: Slot, letter: Letter, begun: Begun | None) -> None:
        try:
            await self._play(slot, letter, begun)
            while self._host.stopped is None and (following := slot.take()) is not None:
                await self._play(slot, following, None)
        finally:
            slot.busy = False
            if slot.mail and not slot.leaving:  # the swarm has stopped, or this turn broke
                self._make_ready(slot)
            if slot.pooled:
                self._host.office.pools.freed(slot)
                self._host.wake()

    def _make_ready(self, slot: Slot) -> None:
        """What waits for an agent comes first in the queue."""
        mail, slot.mail = slot.mail, None
        self._host.ready.extendleft((slot, letter) for letter in reversed(mail or ()))
        self._host.wake()

    async def _play(self, slot: Slot, letter: Letter, begun: Begun | None) -> None:
        host, part = self._host, slot.part
        if letter.talk.ended or type(letter.message) not in part.acts:
            self._refuse(slot, letter)
            return
        turn = Turn(host, slot, letter) if begun is None else begun.turn
        turn.task = asyncio.current_task()
        host.turns.add(turn)
        try:
            while (error := await self._attempt(turn, begun)) is not None:
                turn.sends.clear()
                turn.writes.clear()
                last = not is_worth_another(error) or letter.talk.ended or turn.attempt >= part.spec.attempts
                if not last and host.stopped is None:
                    await host.pause(pause_s(turn.attempt))
                if last or host.stopped is not None:
                    self._give_up(turn, error)
                    return
                turn.attempt += 1
                begun = None
        finally:
            host.turns.discard(turn)
            turn.ctx.end()

    async def _attempt(self, turn: Turn, begun: Begun | None) -> BaseException | None:
        """Play a turn once, or the rest of it. Returns what it failed with."""
        host, slot, letter = self._host, turn.slot, turn.letter
        part = slot.part
        turn.since, saved = host.now(), None
        try:
            if begun is not None:
                saved, rest = begun.saved, begun.rest
                if isinstance(rest, BaseException):
                    raise rest  # noqa: TRY301 - it was raised by the handler
            else:
                if slot.agent is None:
                    await self._enter(slot)
                if part.save is not None:
                    saved = part.save(slot.agent)
                act = part.acts[type(letter.message)]
                rest = act.function(slot.agent, letter.message, *((turn.ctx,) if act.takes_context else ()))
            answer = await rest if inspect.isawaitable(rest) else rest
            if turn.task is not None and turn.task.cancelling():
                await recovered(host.ending)
            if answer is not None:
                self.judged(slot, letter, answer)
            if turn.sends or turn.writes or (letter.asked is not None and begun is None):
                more = host.commit(turn)
                if more is not None:
                    await more
            self.reply(slot, letter, turn.taint, answer)
        except BaseException as fault:
            if is_closing(fault):
                raise
            lasting = None if saved is None else _restored(slot, saved)
            error = await self._recovered(turn, honest(fault))
            return lasting or error
        return None

    async def _recovered(self, turn: Turn, fault: BaseException) -> BaseException:
        """What a turn failed with, or that it was cancelled for taking too long. Raises when the host stops."""
        if isinstance(fault, TurnHeld):
            return UsageError("a volatile swarm cannot wait for a person: leave out durable=False")
        task = turn.task
        if not isinstance(fault, asyncio.CancelledError) or task is None or not task.cancelling():
            return fault  # also when the handler met a cancelled future of its own
        if self._host.ending():
            raise fault
        await recovered(self._host.ending)
        if not turn.late:
            return fault
        turn.late = False
        return DeadlineExceeded(f"{turn.slot.name} took longer than {turn.slot.part.spec.turn_timeout_s:g} s")

    async def _enter(self, slot: Slot) -> None:
        """Make an agent. While it needs time to start, nobody else gets through to it."""
        start, alone = slot.part.start, not slot.busy
        agent = slot.made()
        if start is None:
            slot.settle(agent)
            return
        slot.busy = True
        try:
            await start(agent)
            slot.settle(agent)
        finally:
            if alone:
                slot.busy = False
                self._make_ready(slot)

    async def commit_late(self, turn: Turn) -> None:
        """Pay for what a turn sends once the ledger has set enough aside, write to the blackboard, and send.

        Raises: BudgetExhausted, SwarmStopped, and what the blackboard raises.
        """
        host, allowance, many = self._host, turn.slot.part.allowance, len(turn.sends) + (turn.letter.asked is not None)
        while allowance.left < many:
            await host.purse.refill(allowance, many)
        allowance.left -= many
        for write in turn.writes:
            await host.board.act(turn, write.operation, write.arguments)
        turn.writes.clear()
        more = host.office.send(turn) if turn.sends else None
        if more is not None:
            await more

    @staticmethod
    def judged(slot: Slot, letter: Letter, answer: Any) -> Awaitable[Any] | None:
        """What a handler returned, if it is to be awaited. Raises: UsageError when it cannot answer an ask."""
        if inspect.isawaitable(answer):
            return answer
        if letter.asked is not None and not isinstance(answer, Message):
            raise no_message(slot.name, slot.part.acts[type(letter.message)].function, answer)
        return None

    def reply(self, slot: Slot, letter: Letter, taint: tuple[str, ...], answer: Any) -> None:
        """Answer an ask."""
        asked = letter.asked
        if asked is None:
            return
        if answer is None:
            answer = DONE
        later = self._host.later
        if later is not None:
            later.append((letter, answer, taint))
        elif asked.done():
            self._host.late(letter, slot.name)
        else:
            asked.answer(answer, taint)

    def _give_up(self, turn: Turn, error: BaseException) -> None:
        letter, host = turn.letter, self._host
        known, trace = worded(turn.slot.name, error)
        if isinstance(error, SwarmStopped):
            if letter.asked is not None:
                letter.asked.fail(known)
            host.stop(legible(getattr(error, "reason", "failure")), legible(error))
            return
        reason = "quarantined" if letter.talk.ended else "handler failed"
        host.bury(letter, turn.slot.name, reason, known, turn.attempt, trace)

    def _refuse(self, slot: Slot, letter: Letter) -> None:
        """A letter that its agent does not accept, or whose conversation has been stopped."""
        if letter.talk.ended:
            error: StigmergyError = Quarantined(f"conversation was quarantined: {letter.talk.ended}")
            self._host.bury(letter, slot.name, "quarantined", error)
        else:
            self._host.bury(letter, slot.name, "undeliverable", unaccepted(slot.part, letter.message.message_type))


def _restored(slot: Slot, saved: Any) -> BaseException | None:
    """Give an agent the state back that it had before a turn. Returns why that failed, if it did."""
    try:
        if slot.part.restore is not None:
            slot.part.restore(slot.agent, saved)
    except BaseException as fault:  # noqa: BLE001 - whatever it is fails the turn
        return honest(fault)
    return None


def unaccepted(part: Part, message_type: str) -> StigmergyError:
    """The error for a message that a kind does not accept."""
    accepted = ", ".join(part.spec.accepts) or "nothing"
    return UnknownMessage(f"{part.spec.name} does not accept {message_type:.80}; it accepts {accepted:.200}")
