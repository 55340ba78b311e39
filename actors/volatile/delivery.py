"""Delivery: hands out the letters of a round, agent by agent in the order of their names.

A plain handler runs where it stands, in a loop that does for a letter only what must be done for each. Everything
else is left to the host, and begins once all plain handlers have run.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from stigmergy.protocols.errors import StigmergyError
from stigmergy.protocols.message import Message

from .allowance import Allowance
from .host import Host, after
from .letter import Letter
from .player import DONE, FAULTS, Begun
from .slot import Slot
from .sorting import BY_SENDER, Sorting
from .turn import Turn

STRETCH: Final = 4_096
"""Agents after which the event loop gets to turn; some milliseconds."""

Scene = Callable[[Turn, Sorting], Any]
"""Makes the context that plain handlers share: it sends straight to the office, until it is told to `detach`."""


class Delivery:
    """Hands out letters on one host."""

    def __init__(self, host: Host, office: Sorting, scene: Scene) -> None:
        self._host = host
        self._office = office
        self._scene = scene
        guard = host.guard
        self._looks = min(guard.few, guard.shallow, guard.burst) < math.inf
        """Whether messages are looked at one by one, which is left to the host."""
        self._turn: Turn | None = None
        """Shared by all turns of plain handlers."""
        self._rest: list[tuple[Slot, Letter]] = []
        """Letters that are left to the host."""
        self._late: list[tuple[Slot, Letter, Begun]] = []
        """Turns that are not over: their handlers raised, returned something to wait for, or must wait themselves."""
        self._short: Allowance | None = None
        """What has been used up."""

    async def deliver(self, number: int) -> None:
        """Hand out what the agents get in this round, and run plain handlers."""
        office, at, pause = self._office, 0, STRETCH
        mixed, office.mixed = office.mixed, False
        slots = office.take()
        while at < len(slots) and self._host.stopped is None:
            at = self._stretch(slots, at, number, mixed=mixed)
            if self._short is not None:
                with suppress(StigmergyError):  # who sends more than there is hears of it
                    await self._host.purse.refill(self._short, 1)
                self._short = None
            elif at >= pause:
                await asyncio.sleep(0)
                pause = at + STRETCH

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

    def _stretch(self, slots: list[Slot], at: int, number: int, *, mixed: bool) -> int:
        """Hand out to some agents of one kind. Returns the position of the next."""
        letters, turn, part = self._office.letters, self._turn, slots[at].part
        acts = {} if self._looks else part.quick
        noted, limit, save = 0, len(letters) + part.allowance.left, part.save
        for slot in slots[at : at + STRETCH]:
            if slot.part is not part or self._short is not None:
                break
            at += 1
            mail, slot.inbox = slot.inbox or [], None
            if mixed and len(mail) > 1:
                mail.sort(key=BY_SENDER)
            noted += len(mail)
            notes, name = slot.notes, slot.name
            plain = not (slot.busy or slot.pooled) and (slot.agent is not None or slot.enters())
            agent = slot.agent
            for letter in mail:
                message, sender, count, talk, _, _, _, taint, asked, _ = letter
                notes += (number, name, sender, count, message.message_type, message.__dict__)
                act = acts.get(type(message)) if plain else None
                if act is None or talk.ended:
                    self._rest.append((slot, letter))
                    plain = False  # what comes after it waits, too
                    continue
                if turn is None:
                    turn = self._new_turn(slot, letter)
                turn.slot, turn.letter, turn.taint = slot, letter, taint
                saved, before = None if save is None else save(agent), len(letters)
                error, answer = None, None
                try:
                    answer = act[0](agent, message, turn.ctx)
                except FAULTS as fault:
                    error = fault
                if error is None and (answer is None or type(answer) is act[1]) and not turn.writes:
                    if asked is None and len(letters) <= limit:
                        continue
                    if len(letters) < limit:
                        limit -= 1  # an answer is a message, too
                        self._reply(turn, answer)
                        continue
                    self._short = part.allowance
                rest = self._ending(turn, answer) if error is None else error
                self._hand_over(turn, before, Begun(turn, saved, rest))
                turn, plain = None, False
        part.allowance.left = limit - len(letters)
        self._office.digest.noted(noted)
        self._turn = turn
        return at

    def _new_turn(self, slot: Slot, letter: Letter) -> Turn:
        turn = Turn(self._host, slot, letter)
        turn.ctx = self._scene(turn, self._office)
        return turn

    def _reply(self, turn: Turn, answer: Message | None) -> None:
        """Answer an ask, in the next round."""
        answers = self._host.later
        if answers is not None:
            answers.append((turn.letter, answer or DONE, turn.taint))

    def _ending(self, turn: Turn, answer: Any) -> BaseException | Awaitable[Any]:
        """What is left of a turn whose handler has returned."""
        player = self._host.player
        try:
            return player.judged(turn.slot, turn.letter, answer) or after(player.commit_late(turn), answer)
        except StigmergyError as error:
            return error

    def _hand_over(self, turn: Turn, before: int, begun: Begun) -> None:
        """A turn is not over: what it has sent waits until it is."""
        places, letters = self._office.places, self._office.letters
        sent = zip(places[before:], letters[before:], strict=True)
        turn.sends += [(place, letter.message, letter.taint) for place, letter in sent]
        turn.slot.sent -= len(letters) - before
        del places[before:], letters[before:]
        turn.ctx.detach()
        self._late.append((turn.slot, turn.letter, begun))
