"""Mail: every message that was accepted and has not led to a finished turn. A sans-I/O machine.

A letter is accepted, attempted (counted before its handler runs), and then done or dead. What its
turn recorded on the way, the answers to its asks and the results of its steps, stays with it, so
that a second attempt gets them back. Journal entries: ``mail.accept``, ``mail.fan``, ``mail.attempt``,
``mail.attempts``, ``mail.step``, ``mail.leave``, ``mail.reply``, ``mail.again``, ``mail.done``, ``mail.dead``,
``mail.lost``, ``mail.hold``, ``mail.decide``, ``mail.wake``, ``mail.rearm``; between shards ``mail.ask``,
``mail.answered``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import Oversized
from stigmergy.protocols.turn import Step

from ..transport.channel import MAX_BYTES
from .letter import Letter, weight_of
from .mailbag import Mailbag

Record = Callable[[str, dict[str, Any]], None]

ROOM_BYTES: Final = 1024 * 1024
"""What a delivery may need besides the steps of its turn and the state of its agent: the message, and names."""


class Mail(Mailbag):
    """What may happen to a letter, and the entry that each of it writes."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self._record = record

    def accept(
        self, envelope: Envelope, pool: str, at: float, step: tuple[int, str] | None = None, **kept: int
    ) -> bool:
        """Take a message in; ``step`` places an ask in its turn. False when it was accepted before.

        It is known while it is open, and an ask until the turn that sent it ends; with ``once=True`` for ever.
        ``depth`` is that of an agent which it brings into being when its pool chooses one.
        """
        if self.is_known(envelope.id):
            return False
        data: dict[str, Any] = {"e": envelope.to_wire(), "pool": pool, "at": at, **kept}
        if step is not None:
            data["step"] = list(step)
        self._record("mail.accept", data)
        self._take_in(envelope, data)
        return True

    def ask(self, envelope: Envelope, step: tuple[int, str]) -> None:
        """Keep where the answer of an ask belongs that goes to another shard."""
        self._write("mail.ask", {"id": envelope.id, "turn": envelope.cause, "step": list(step)})

    def answered(self, ask: str) -> bool:
        """End an ask that came from another shard, which gets its answer. False when it had one before."""
        known = ask in self.asks
        if known:
            self._write("mail.answered", {"id": ask})
        return known

    def fan(self, envelope: Envelope, followers: list[str], at: float, first: int = 0, depth: int = 0) -> None:
        """Take a post in once for every follower, as ``<post id>.<n>``, where n counts from ``first``.

        ``depth`` is as in `accept`.
        """
        data: dict[str, Any] = {"e": envelope.to_wire(), "to": followers, "at": at}
        more = {name: number for name, number in (("first", first), ("depth", depth)) if number}
        self._write("mail.fan", {**data, **more})

    def attempt(self, message: str, agent: str, host: str) -> Letter:
        """Count an attempt: the letter is about to be handed to a host."""
        self._write("mail.attempt", {"id": message, "agent": agent, "host": host})
        return self.letters[message]

    def attempts(self, handed: list[tuple[str, str, str]]) -> None:
        """Count the attempts of all letters that go out together, each as (message, agent, host)."""
        data: dict[str, Any] = {"of": [list(one) for one in handed]}
        self._record("mail.attempts", data)
        self._attempts(data)

    def weigh(self, turn: str, steps: list[Step]) -> list[int]:
        """How many bytes each of these steps has.

        Raises Oversized when a turn would have recorded more with them than can be handed over together.
        """
        weights = [weight_of(step) for step in steps]
        letter = self.letters.get(turn)
        if letter is None:
            return weights
        state = len(self.states.get(letter.agent, b""))
        total = letter.with_steps({step.number: weight for step, weight in zip(steps, weights, strict=True)})
        if total + state + ROOM_BYTES > MAX_BYTES:
            raise Oversized(
                f"a turn has recorded {total:,} bytes, and its agent's state has {state:,}; together they may have "
                f"{MAX_BYTES - ROOM_BYTES:,}: let steps return references, or spread them over several turns"
            )
        return weights

    def step(self, turn: str, step: Step, weight: int | None = None) -> None:
        """Keep the result of a step before it is used; who has weighed it says its ``weight``."""
        self._record("mail.step", {"turn": turn, "step": step.to_plain()})
        self._keep(turn, step, weight)

    def leave(self, turn: str, number: int) -> None:
        """Forget the steps of a turn from that one on: it goes another way there than the one that was recorded."""
        self._write("mail.leave", {"turn": turn, "from": number})

    def reply(self, envelope: Envelope) -> str | None:
        """Keep an answer. Returns the asking turn's id, empty for an outside request; None when nobody waits."""
        asked = self.asks.get(envelope.reply_to)
        if asked is None or (asked[0] and asked[0] not in self.letters):
            return None
        self._write("mail.reply", {"e": envelope.to_wire()})
        return asked[0]

    def done(self, message: str, state: bytes | None) -> None:
        """End a letter whose turn committed; ``state`` is the agent's new state, if it changed."""
        data = {"id": message, "state": state}
        self._record("mail.done", data)
        self._done(data)

    def again(self, message: str, error: str, tried: Sequence[tuple[int, str]] = ()) -> None:
        """Start a failed turn over: one more attempt, its failed steps forgotten.

        ``tried`` are the steps, by number and key, that have changed the blackboard at once, or may have.
        """
        more = {"tried": [list(one) for one in tried]} if tried else {}
        self._write("mail.again", {"id": message, "error": error, **more})

    def dead(self, message: str, reason: str, detail: str) -> None:
        """End a letter that no attempt will finish."""
        self._write("mail.dead", {"id": message, "reason": reason, "detail": detail})

    def wake(self, now: float, waited_for: Iterable[str]) -> None:
        """The swarm goes on after a time in which nobody could work: what an agent asked has its whole time again.

        What was asked from outside has no deadline until whoever asked repeats it (`rearm`), but for those that are
        ``waited_for``: they came, or came again, while nobody could work.
        """
        if any(letter.envelope.deadline for letter in self.letters.values()):
            self._write("mail.wake", {"now": now, "waited": sorted(waited_for)})

    def rearm(self, message: str, deadline: float) -> None:
        """Whoever asked has asked again, and waits until then."""
        self._write("mail.rearm", {"id": message, "deadline": deadline})

    def lost(self, host: str, ahead: Callable[[str], bool] | None = None, *, by_itself: bool = True) -> list[str]:
        """Take back what a dead host had, in order. Returns the ids.

        They are suspects, and what may have run counts as an attempt: the first of each agent, and all of an agent
        that runs ``ahead``. Unless the host did not die ``by_itself`` but with all others, which is no letter's fault.
        """
        boxes = [[i for i in box if self.letters[i].host == host] for box in self.flying.values()]
        ids = [message for box in boxes for message in box]
        if ids:
            all_ran = ahead or (lambda _agent: False)
            ran = [i for box in boxes if box for i in (box if all_ran(self.letters[box[0]].agent) else box[:1])]
            ran = ran if by_itself else []
            self._write("mail.lost", {"host": host, "ids": ids, "ran": ran, "alone": by_itself})
        return ids

    def hold(self, message: str, at: float, *, blocks: bool) -> None:
        """Keep a letter until a person decides; ``blocks`` says that its agent takes no other meanwhile."""
        agent = self.letters[message].agent
        # The letters behind it have gone to the host and cannot have run.
        back = [other for other in self.flying.get(agent, ()) if other != message] if blocks else []
        self._write("mail.hold", {"id": message, "at": at, "blocks": blocks, "back": back})

    def decide(self, message: str, step: Step, by: str) -> None:
        """Put a person's word in the place of a step in doubt; without another doubt the letter goes on."""
        self._write("mail.decide", {"id": message, "step": step.to_plain(), "by": by})

    def _write(self, kind: str, data: dict[str, Any]) -> None:
        self._record(kind, data)
        self.apply(kind, data)
