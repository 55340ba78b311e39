"""The context that all plain handlers of a host share, in lockstep: it sends straight to the sorting office."""

from __future__ import annotations

from typing import Any

from stigmergy.actors.volatile.letter import Letter
from stigmergy.actors.volatile.places import Place
from stigmergy.actors.volatile.running import runner
from stigmergy.actors.volatile.sorting import Sorting
from stigmergy.actors.volatile.turn import Turn
from stigmergy.protocols.ids import AgentId, check_name
from stigmergy.protocols.message import Message, check_message
from stigmergy.protocols.plain import Quick

from .context import VolatileContext
from .stage import Stage

_letter = tuple.__new__
"""Makes a letter of its fields in half the time."""


class RoundContext(VolatileContext):
    """What a plain handler gets beside its message."""

    def __init__(self, turn: Turn, stage: Stage, office: Sorting) -> None:
        super().__init__(turn, stage)
        self._office = office
        self._shared = True
        self._to = office.places.append
        self._put = office.letters.append
        self.runner: Any = None
        """Sends in place of this, if there is one."""
        if runner is not None:
            self.runner = runner.Runner(turn, turn.host.places, self._find, office.places, office.letters)
            self.tell = self.runner.tell  # type: ignore[method-assign]

    def detach(self) -> None:
        """The turn goes on without those of others: what it sends waits for its end."""
        self._shared = False
        if self.runner is not None:
            self.runner.detach(super().tell)

    def end(self) -> None:
        """See `Context.end`."""
        self.detach()
        super().end()

    def _find(self, to: Any) -> Place:
        return self._known(to) or self._office.find(str(to), self._turn.slot.name)

    def tell(self, to: str | AgentId, message: Message) -> None:
        """See `Context.tell`."""
        if not self._shared:
            super().tell(to, message)
            return
        if type(type(message)) is not Quick:
            check_message(message)
        self._to(self._find(to))
        turn = self._turn
        slot = turn.slot
        _, causer, cause, talk, _, _, hops, _, _, _ = turn.letter
        slot.sent = number = slot.sent + 1
        self._put(_letter(Letter, (message, slot.name, number, talk, causer, cause, hops + 1, turn.taint, None, "")))

    def post(self, topic: str, message: Message) -> None:
        """See `Context.post`."""
        if not self._shared:
            super().post(topic, message)
            return
        if type(type(message)) is not Quick:
            check_message(message)
        self._to(self._office.topics.get(topic) or self._office.topic(check_name(topic, "topic")))
        turn = self._turn
        slot, own = turn.slot, turn.letter
        slot.sent += 1
        self._put(Letter(message, slot.name, slot.sent, own.talk, own.sender, own.number, own.hops + 1, turn.taint))
