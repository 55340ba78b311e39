"""A volatile host: the agents of some parts, and how each of their letters is handled.

A plain handler runs without any ado, a coroutine by awaiting it; `Workers` do that. A host holds all there
is of its agents: what is lost with it is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from sys import getrefcount
from typing import Any, Final

from stigmergy.protocols.errors import DeadlineExceeded, StigmergyError, WireError
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.legible import legible
from stigmergy.protocols.message import Message

from ..ending import cut_off, is_stopping
from .allowance import Allowance, Purse
from .asked import Asked
from .deadlines import EXACT_S, expire
from .guard import Guard
from .letter import Letter, Talk
from .neighbours import Neighbours
from .office import Office
from .places import Far, Place
from .player import DONE, Begun, Player
from .running import runner
from .slot import Part, Slot
from .turn import Board, Ground, Question, Turn
from .workers import Workers

HOLD_S: Final = 30.0
"""The longest that a sender waits for a full mailbox: two full ones that hold each other go on after that."""


class Host:
    """Runs the agents of some parts."""

    def __init__(
        self,
        parts: dict[str, Part],
        guard: Guard,
        purse: Purse,
        board: Board,
        scene: Callable[[Turn], Any],
        office: Callable[[Ground], Office] = Office,
    ) -> None:
        """``scene(turn)`` makes the context that a handler gets."""
        self.parts = parts
        self.guard = guard
        self.purse = purse
        self.board = board
        self.scene = scene
        self.places: dict[str, Place] = {}
        self.ready: deque[Any] = deque()
        """What may run now: pairs of a slot, or of a list of slots, and a letter."""
        self.arrivals: Any = self.ready
        """Where letters are put: what may run now, unless somebody delivers by rounds."""
        self.inline = True
        """Whether an ask may be answered where it stands."""
        self.later: list[tuple[Letter, Message | BaseException, tuple[str, ...]]] | None = None
        """Answers that are not to be had before the next round, if there are rounds."""
        self.pause: Callable[[float], Awaitable[None]] = asyncio.sleep
        """Waits between two attempts of a turn."""
        self.stopped: tuple[str, str] | None = None
        """(reason, text) once the swarm has stopped."""
        self.heart: asyncio.Task[None] | None = None
        """What beats until this host closes, or its event loop."""
        self.mesh: Neighbours | None = None
        """The other hosts, if there are any."""
        self.office = office(self)
        self._send = self.office.send
        self.turns: set[Turn] = set()
        """Turns of coroutines that run now."""
        self.run: Callable[[Slot, Letter], Awaitable[None] | None] = self.handle
        """See `handle`."""
        self.begin: Callable[[Turn, Any, Message], Question] = Turn.begin
        """See `Turn.begin`."""
        self.workers = Workers(self, self.ready)
        self.wake, self.spawn = self.workers.wake, self.workers.spawn
        loop = asyncio.get_running_loop()
        self.now: Callable[[], float] = loop.time
        self.timer: Callable[..., Any] = loop.call_later
        self.exact_s = EXACT_S
        """Questions with less patience get a timer."""
        self.player = Player(self)
        nobody = Part(KindSpec("nobody", "", "", {}), {}, lambda _name: None, Allowance(""))
        self.nobody = Slot("a plain handler", nobody), Letter(Message(), "", 0, Talk(""), "", 0, 0, ())
        self.plain = self._new_turn()
        """The turn of whatever plain handler runs."""
        self._holders = getrefcount(self.plain.ctx)
        self._hand = self._in_c()

    def _in_c(self) -> Any:
        """Who handles letters and asks in the commonest case; everything else comes to `handle` and `Turn.begin`."""
        if runner is None:
            return None
        bounds = self.guard.few, self.guard.shallow, self.guard.burst
        blank = Slot("", self.nobody[0].part)
        hand = runner.Hand(self, self.parts, self.places, blank, Asked, Turn.begin, DONE, *bounds)
        hand.hold(self.plain)
        self.run, self.begin, self.workers.several = hand, hand.ask, hand.several
        return hand

    @property
    def waiting(self) -> int:
        """Letters that wait or are being handled."""
        kept = sum(len(place.mail) for place in self.places.values() if type(place) is Slot and place.mail is not None)
        pooled = sum(len(part.pool.waiting) for part in self.parts.values())
        leaving = 0 if self.mesh is None else self.mesh.waiting
        return len(self.ready) + len(self.turns) + kept + pooled + leaving

    # -- one letter --------------------------------------------------------------------------

    def part(self) -> None:
        """Plain handlers get another context if more hold theirs than at first; call it before the loop turns."""
        if getrefcount(self.plain.ctx) > self._holders:
            self._renew().over()

    def _new_turn(self) -> Turn:
        return Turn(self, *self.nobody)

    def _renew(self) -> Turn:
        """The next plain handler gets another turn. Returns the old one."""
        kept, self.plain = self.plain, self._new_turn()
        if self._hand is not None:
            self._hand.hold(self.plain)
        return kept

    def handle(self, slot: Slot, letter: Letter) -> Awaitable[None] | None:
        """Handle a letter, or keep it until its agent is free. What is returned must be awaited."""
        if slot.busy or slot.mail is not None:
            slot.wait(letter)
            return None
        part, message = slot.part, letter.message
        act = part.acts.get(type(message))
        if act is None or act.suspends or letter.talk.ended or (slot.agent is None and not slot.enters()):
            return self.player.occupy(slot, letter)
        turn, agent = self.plain, slot.agent
        turn.slot, turn.letter, turn.taint = slot, letter, letter.taint
        saved: Any = None
        answer: Any = None
        fault: BaseException | None = None
        try:
            saved = None if part.save is None else part.save(agent)
            answer = act.function(agent, message, turn.ctx) if act.takes_context else act.function(agent, message)
        except BaseException as error:  # noqa: BLE001 - whatever it is fails the turn
            fault = error
        return self.finish(slot, letter, saved, answer, fault)

    def finish(
        self, slot: Slot, letter: Letter, saved: Any, answer: Any, fault: BaseException | None
    ) -> Awaitable[None] | None:
        """End the turn of a plain handler that has run. What is returned must be awaited."""
        turn, asked = self.plain, letter.asked
        rest: Any = fault
        if fault is None:
            try:
                if answer is not None and type(answer) is not slot.part.acts[type(letter.message)].returns:
                    rest = self.player.judged(slot, letter, answer)
                if rest is None and (turn.sends or turn.writes or asked is not None):
                    rest = self.commit(turn)
                    if rest is not None:
                        rest = after(rest, answer)
            except BaseException as error:  # noqa: BLE001 - whatever it is fails the turn
                rest = error
        if rest is not None:
            return self.player.occupy(slot, letter, Begun(self._renew(), saved, rest))
        if asked is not None:
            if asked.waiting is None and self.later is None:  # it stands where it was asked: nobody waits yet
                asked.found = (DONE if answer is None else answer), turn.taint
            else:
                self.player.reply(slot, letter, turn.taint, answer)
        if slot.pooled:
            self.office.pools.freed(slot)
        return None

    def unfold(self, post: tuple[list[Slot], Letter]) -> None:
        """Put a letter for each follower first into the queue."""
        slots, letter = post
        self.ready.extendleft((slot, letter) for slot in reversed(slots))

    def commit(self, turn: Turn) -> Awaitable[None] | None:
        """Let what a turn did come true. What is returned must be awaited. Raises: SwarmStopped."""
        sends, allowance = turn.sends, turn.slot.part.allowance
        many = len(sends) if turn.letter.asked is None else len(sends) + 1
        if allowance.left < many or turn.writes:
            return self.player.commit_late(turn)
        allowance.left -= many
        return self._send(turn) if sends else None

    def withdraw(self, slots: set[Slot]) -> None:
        """Take what is ready for some agents back into their mailboxes."""
        ready = list(self.ready)
        self.ready.clear()
        for slot, letter in ready:
            if type(slot) is not list:
                if slot in slots:
                    slot.wait(letter)
                else:
                    self.ready.append((slot, letter))
                continue
            for each in slot:
                if each in slots:
                    each.wait(letter)
                else:
                    self.ready.append((each, letter))

    async def room(self, place: Slot | Far) -> None:
        """Wait until a mailbox, or the way to another host, has room; 30 s at most."""
        until = self.now() + HOLD_S
        while place.full and self.stopped is None and (left := until - self.now()) > 0:
            waiting = asyncio.get_running_loop().create_future()
            place.room = [*(place.room or ()), waiting]
            await asyncio.wait([waiting], timeout=left)

    def bury(
        self, letter: Letter, to: str, reason: str, error: StigmergyError, attempts: int = 0, trace: str = ""
    ) -> None:
        """End a letter that nobody will handle: the board keeps it, and who asked is told."""
        detail = f"{legible(error)}\n{trace}" if trace else legible(error)
        with suppress(WireError):  # who asked is told all the same
            self.board.tell("bury", [letter.record(to), reason, detail, attempts])
        if letter.asked is not None and not letter.asked.done():
            if self.later is None:
                letter.asked.fail(error)
            else:
                self.later.append((letter, error, ()))

    def late(self, letter: Letter, to: str) -> None:
        """The answer to a letter came when nobody waited for it any more."""
        self.bury(letter, to, "late answer", DeadlineExceeded("nobody waits for it any more"))

    def outside(self, client: str, letter: Letter) -> None:
        """Hand a message to a driver; one that cannot go there costs nothing that is sent beside it."""
        try:
            self.board.tell("told", letter.envelope(client).to_wire())
        except WireError as error:
            self.bury(letter, client, "malformed", error)

    # -- life --------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Do what time demands: end questions and turns that take too long, and ask the watchdog."""
        now = self.now()
        for turn in list(self.turns):
            if self.later is None:
                expire(turn.waits, now)
            if turn.task is not None and not turn.late and now - turn.since > turn.slot.part.spec.turn_timeout_s:
                turn.late = True
                turn.task.cancel()
        for verdict in self.guard.sweep(now):
            self.office.carry_out(verdict, None)
        if self.mesh is not None:
            self.mesh.sweep()

    def stop(self, reason: str, text: str) -> None:
        """Begin nothing new; who waits for an answer hears why."""
        if self.stopped is None:
            self.stopped = (reason, text)
            self.board.tell("stop", [reason, text])

    def ending(self) -> bool:
        """Whether a task that is cancelled now is to end."""
        return is_stopping(self.heart)

    async def close(self) -> list[str]:
        """End everything at once. Returns the agents that have held that up."""
        self.stopped = self.stopped or ("user", "the swarm is closed")
        late = await self.workers.close()
        names = [turn.slot.name for turn in self.turns if turn.task in late]
        cut_off(late)
        return names


async def after(work: Awaitable[None], answer: Any) -> Any:
    """The answer, once the work is done."""
    await work
    return answer
