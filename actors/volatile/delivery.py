"""Delivery: hands out the letters of a round, agent by agent in the order of their names.

A plain handler runs where it stands, in a loop that does for a letter only what must be done for each. Everything
else is left to the host, and begins once all plain handlers have run.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from sys import getrefcount
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import StigmergyError
from stigmergy.protocols.message import Message

from .acts import Acts
from .handout import BY_SENDER
from .host import Host, after
from .letter import Letter
from .player import DONE, Begun
from .running import runner
from .slot import Slot
from .sorting import Sorting
from .turn import Turn


class Unpaid(NamedTuple):
    """A turn that wants to send more than has been set aside for its kind."""

    turn: Turn
    before: int
    """Letters that others had sent before it."""
    saved: Any
    answer: Message | None


STRETCH: Final = 4_096
"""Agents after which the event loop gets to turn; some milliseconds."""

Scene = Callable[[Turn, Sorting], Any]
"""Makes the context that plain handlers share: it sends straight to the office, until it is told to `detach`."""


class Delivery:
    """Hands out letters on one host."""

    def __init__(self, host: Host, office: Sorting, acts: Acts, scene: Scene) -> None:
        self._host = host
        self._office = office
        self._acts = acts
        self._scene = scene
        guard = host.guard
        self._looks = min(guard.few, guard.shallow, guard.burst) < math.inf
        """Whether messages are looked at one by one, which is left to the host."""
        self._turn = self._new_turn()
        self._holders = getrefcount(self._turn.ctx)
        """How many hold the context of plain handlers as long as none of these has kept it."""
        self._rest: list[tuple[Slot, Letter]] = []
        """Letters that are left to the host."""
        self._late: list[tuple[Slot, Letter, Begun]] = []
        """Turns that are not over: their handlers raised, returned something to wait for, or must wait themselves."""
        self._unpaid: Unpaid | None = None

    async def deliver(self, number: int) -> None:
        """Hand out what the agents get in this round, and run plain handlers."""
        office, at, pause = self._office, 0, STRETCH
        mixed, office.mixed = office.mixed, False
        slots = office.take()
        while at < len(slots) and self._host.stopped is None:
            at = (
                self._stretch(slots, at, number, mixed=mixed) if runner is None else self._run(slots, at, number, mixed)
            )
            if self._unpaid is not None:
                unpaid, self._unpaid = self._unpaid, None
                await self._pay(unpaid)
            elif at >= pause:
                self._part()
                await asyncio.sleep(0)
                pause = at + STRETCH
        self._part()

    def _part(self) -> None:
        """See `Host.part`."""
        if getrefcount(self._turn.ctx) > self._holders:
            kept, self._turn = self._turn, self._new_turn()
            kept.over()

    def begin(self) -> None:
        """Begin everything that was left to the host."""
        host = self._host
        late, self._late = self._late, []
        rest, self._rest = self._rest, []
        for slot, letter, begun in late:
            host.spawn(host.player.occupy(slot, letter, begun))
        for slot, letter in rest:
            if not slot.part.reentrant:
                host.ready.append((slot, letter))
                continue
            more = host.run(slot, letter)  # in a task of its own: what else the agent does must not depend on others
            if more is not None:
                host.spawn(more)
        host.wake()

    def _run(self, slots: list[Slot], at: int, number: int, mixed: bool) -> int:  # noqa: FBT001
        """The same as `_stretch`, by the runner; it leaves to `_stretch` what is not the common case."""
        slot, part, turn, letters = slots[at], slots[at].part, self._turn, self._office.letters
        if self._looks or (self._late and self._late[-1][0] is slot):
            return self._stretch(slots, at, number, mixed=mixed, most=1)
        limit, end, key = len(letters) + part.allowance.left, at + STRETCH, BY_SENDER if mixed else None
        first, run = at, turn.ctx.runner.run
        at, left = run(slots, at, end, number, part, part.quick, part.save, key, turn.ctx, self._end, limit)
        if left:
            before, saved, answer, error = left
            if error is None and (answer is None or type(answer) is slots[at].part.quick[type(turn.letter.message)][1]):
                self._unpaid = Unpaid(turn, before, saved, answer)
                limit += len(letters) - before
            else:
                self._hand_over(turn, before, saved, self._rest_of(turn, answer) if error is None else error)
                self._turn = self._new_turn()
        part.allowance.left = limit - len(letters)
        if left is False:
            return self._stretch(slots, at, number, mixed=mixed, most=1, unmade=True)
        return at if at > first or left is not None else self._stretch(slots, at, number, mixed=mixed, most=1)

    def _stretch(
        self, slots: list[Slot], at: int, number: int, *, mixed: bool, most: int = STRETCH, unmade: bool = False
    ) -> int:
        """Hand out to some agents of one kind. Returns the position of the next, or of one that is not done yet.

        ``unmade``: the agent could not be made here, and that is not tried again.
        """
        letters, turn, part = self._office.letters, self._turn, slots[at].part
        acts = {} if self._looks else part.quick
        limit, save = len(letters) + part.allowance.left, part.save
        for slot in slots[at : at + most]:
            if slot.part is not part:
                break
            at += 1
            mail = slot.received()
            if mixed and len(mail) > 1:
                mail.sort(key=BY_SENDER)
            note, name = slot.notes.add, slot.name
            plain = not (unmade or slot.busy or slot.pooled) and (slot.agent is not None or slot.enters())
            if self._late and self._late[-1][0] is slot:  # its last turn could not pay
                plain = False
            agent = slot.agent
            for position, letter in enumerate(mail, 1):
                message, sender, count, talk, _, _, _, taint, asked, _ = letter
                note(number, name, sender, count, message.message_type, message.__dict__)
                act = acts.get(type(message)) if plain else None
                if act is None or talk.ended:
                    self._rest.append((slot, letter))
                    plain = False  # what comes after it waits, too
                    continue
                turn.slot, turn.letter, turn.taint = slot, letter, taint
                before, saved, error, answer = len(letters), None, None, None
                try:
                    saved = None if save is None else save(agent)
                    answer = act[0](agent, message, turn.ctx)
                except BaseException as fault:  # noqa: BLE001 - whatever it is fails the turn
                    error = fault
                if error is not None or (answer is not None and type(answer) is not act[1]):
                    self._hand_over(turn, before, saved, self._rest_of(turn, answer) if error is None else error)
                    turn, plain = self._new_turn(), False
                elif len(letters) + (asked is not None) > limit:
                    self._unpaid = Unpaid(turn, before, saved, answer)
                    slot.inbox = mail[position:]
                    break
                elif asked is not None or turn.writes:
                    limit -= asked is not None  # an answer is a message, too
                    self._end(turn, answer)
            if self._unpaid is not None:
                limit, at = limit + len(letters) - before, at - 1
                break
        part.allowance.left = limit - len(letters)
        self._turn = turn
        return at

    def _new_turn(self) -> Turn:
        """One for plain handlers to share, until one of theirs is not over when it has returned."""
        turn = Turn(self._host, *self._host.nobody)
        turn.ctx = self._scene(turn, self._office)
        return turn

    async def _pay(self, unpaid: Unpaid) -> None:
        """Get what a turn needs from the ledger, and end it."""
        turn, before, saved, answer = unpaid
        purse, allowance, asked = self._host.purse, turn.slot.part.allowance, turn.letter.asked
        need = len(self._office.letters) - before + (asked is not None)
        try:
            while allowance.left < need:
                await purse.refill(allowance, need)
        except StigmergyError as error:
            self._hand_over(turn, before, saved, error)
            self._turn = self._new_turn()
        else:
            allowance.left -= need
            self._end(turn, answer)

    def _end(self, turn: Turn, answer: Message | None) -> None:
        """A turn has ended well: answer in the next round, and write to the blackboard when this one ends."""
        answers = self._host.later
        if turn.letter.asked is not None and answers is not None:
            answers.append((turn.letter, answer or DONE, turn.taint))
        for write in turn.writes:
            self._acts.write(turn, write.operation, write.arguments)
        turn.writes.clear()

    def _rest_of(self, turn: Turn, answer: Any) -> BaseException | Awaitable[Any]:
        """What is left of a turn whose handler has returned something that it is not annotated with."""
        player = self._host.player
        try:
            return player.judged(turn.slot, turn.letter, answer) or after(player.commit_late(turn), answer)
        except StigmergyError as error:
            return error

    def _hand_over(self, turn: Turn, before: int, saved: Any, rest: BaseException | Awaitable[Any]) -> None:
        """A turn is not over: what it has sent waits until it is."""
        places, letters = self._office.places, self._office.letters
        sent = zip(places[before:], letters[before:], strict=True)
        turn.sends += [(place, letter.message, letter.taint) for place, letter in sent]
        turn.slot.sent -= len(letters) - before
        del places[before:], letters[before:]
        turn.ctx.detach()
        self._late.append((turn.slot, turn.letter, Begun(turn, saved, rest)))
