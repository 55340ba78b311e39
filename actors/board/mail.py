"""Mail: every message that was accepted and has not led to a finished turn. A sans-I/O machine.

A letter is accepted, attempted (counted before its handler runs), and then done or dead. What its
turn recorded on the way, the answers to its asks and the results of its steps, stays with it, so
that a second attempt gets them back. Journal entries: ``mail.accept``, ``mail.fan``, ``mail.attempt``,
``mail.attempts``, ``mail.step``, ``mail.reply``, ``mail.again``, ``mail.done``, ``mail.dead``, ``mail.lost``,
``mail.hold``, ``mail.decide``, ``mail.wake``, ``mail.rearm``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.turn import Step

from .letter import Letter, take_out

Record = Callable[[str, dict[str, Any]], None]


class Mail:
    """Letters, where they wait, and the states of the agents that handled the earlier ones."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.letters: dict[str, Letter] = {}
        self.boxes: dict[str, deque[str]] = {}
        """Ids that wait, by agent; an empty box is removed."""
        self.pools: dict[str, deque[str]] = {}
        """Ids that wait for any agent of a kind."""
        self.flying: dict[str, dict[str, None]] = {}
        """Ids that hosts have, by agent, in order of dispatch."""
        self.asks: dict[str, tuple[str, int, str]] = {}
        """Unanswered asks: id to (id of the asking turn, step, key); an outside request has no turn."""
        self.states: dict[str, bytes] = {}
        self.held: dict[str, None] = {}
        """Ids that wait for a person."""
        self.decided: dict[str, None] = {}
        """Ids about which a person has decided."""
        self.blocked: dict[str, str] = {}
        """Agents that take no mail because their turn is held: to its id."""
        self._known: set[str] = set()
        """Ids of asks and outside requests that could be sent again."""

    def waiting(self, address: str) -> int:
        """How many letters wait for an agent or in a pool, or are at its host."""
        box = self.boxes.get(address) or self.pools.get(address) or ()
        return len(box) + len(self.flying.get(address, ()))

    def is_known(self, message: str) -> bool:
        """Whether a message was accepted before."""
        return message in self._known or message in self.letters

    def accept(
        self, envelope: Envelope, pool: str, at: float, step: tuple[int, str] | None = None, *, once: bool = False
    ) -> bool:
        """Take a message in; ``step`` places an ask in its turn. False when it was accepted before.

        ``once`` remembers it for ever; asks and requests from outside are remembered anyway.
        """
        if self.is_known(envelope.id):
            return False
        data: dict[str, Any] = {"e": envelope.to_wire(), "pool": pool, "at": at}
        if step is not None:
            data["step"] = list(step)
        if once:
            data["once"] = True
        self._write("mail.accept", data)
        return True

    def fan(self, envelope: Envelope, followers: list[str], at: float) -> None:
        """Take a post in once for every follower, as ``<post id>.<n>``."""
        self._write("mail.fan", {"e": envelope.to_wire(), "to": followers, "at": at})

    def attempt(self, message: str, agent: str, host: str) -> Letter:
        """Count an attempt: the letter is about to be handed to a host."""
        self._write("mail.attempt", {"id": message, "agent": agent, "host": host})
        return self.letters[message]

    def attempts(self, handed: list[tuple[str, str, str]]) -> None:
        """Count the attempts of all letters that go out together, each as (message, agent, host)."""
        self._write("mail.attempts", {"of": [list(one) for one in handed]})

    def step(self, turn: str, step: Step) -> None:
        """Keep the result of a step before it is used."""
        self._write("mail.step", {"turn": turn, "step": step.to_plain()})

    def reply(self, envelope: Envelope) -> str | None:
        """Keep an answer. Returns the asking turn's id, empty for an outside request; None when nobody waits."""
        asked = self.asks.get(envelope.reply_to)
        if asked is None or (asked[0] and asked[0] not in self.letters):
            return None
        self._write("mail.reply", {"e": envelope.to_wire()})
        return asked[0]

    def done(self, message: str, state: bytes | None) -> None:
        """End a letter whose turn committed; ``state`` is the agent's new state, if it changed."""
        self._write("mail.done", {"id": message, "state": state})

    def again(self, message: str, error: str) -> None:
        """Start a failed turn over: one more attempt, its failed steps forgotten."""
        self._write("mail.again", {"id": message, "error": error})

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

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as an entry says."""
        getattr(self, "_" + kind.removeprefix("mail."))(data)

    def _write(self, kind: str, data: dict[str, Any]) -> None:
        self._record(kind, data)
        self.apply(kind, data)

    def _accept(self, data: dict[str, Any]) -> None:
        envelope = Envelope.from_wire(data["e"])
        pool = data["pool"]
        letter = self.letters[envelope.id] = Letter(envelope, data["at"], "" if pool else envelope.to, pool)
        if envelope.deadline:
            letter.timeout_s = envelope.deadline - data["at"]
        (self.pools if pool else self.boxes).setdefault(pool or envelope.to, deque()).append(envelope.id)
        if envelope.mode == "ask" or not envelope.cause or "once" in data:
            self._known.add(envelope.id)
        if envelope.mode == "ask":
            index, key = data.get("step") or (0, "")
            turn = envelope.cause if "step" in data else ""
            self.asks[envelope.id] = (turn, index, key)
            if turn in self.letters:
                self.letters[turn].asks.append(envelope.id)

    def _fan(self, data: dict[str, Any]) -> None:
        envelope = Envelope.from_wire(data["e"])
        for number, address in enumerate(data["to"]):
            message = f"{envelope.id}.{number}"
            pool = "" if "/" in address else address
            self.letters[message] = Letter(envelope._replace(id=message), data["at"], "" if pool else address, pool)
            (self.pools if pool else self.boxes).setdefault(address, deque()).append(message)

    def _attempt(self, data: dict[str, Any]) -> None:
        self._hand_over(data["id"], data["agent"], data["host"])

    def _attempts(self, data: dict[str, Any]) -> None:
        for message, agent, host in data["of"]:
            self._hand_over(message, agent, host)

    def _hand_over(self, message: str, agent: str, host: str) -> None:
        letter = self.letters[message]
        take_out(self.boxes if letter.agent else self.pools, letter.agent or letter.pool, message)
        letter.agent, letter.host = agent, host
        letter.attempts += 1
        self.flying.setdefault(agent, {})[message] = None

    def _step(self, data: dict[str, Any]) -> None:
        letter = self.letters.get(data["turn"])
        if letter is not None:
            step = Step(*data["step"])
            letter.steps[step.number] = step

    def _reply(self, data: dict[str, Any]) -> None:
        envelope = Envelope.from_wire(data["e"])
        turn, index, key = self.asks.pop(envelope.reply_to, ("", 0, ""))
        if turn in self.letters:
            # An answer that came after its turn had given up waiting changes nothing: the turn went another road.
            self.letters[turn].steps.setdefault(index, Step(index, key, data["e"]))

    def _again(self, data: dict[str, Any]) -> None:
        letter = self.letters[data["id"]]
        letter.attempts += 1
        letter.round += 1
        letter.steps = {i: s for i, s in letter.steps.items() if not s.failed}
        for ask in letter.asks:
            self.asks.pop(ask, None)  # the turn asks anew; an answer to its earlier round would be another road

    def _done(self, data: dict[str, Any]) -> None:
        letter = self._close(data["id"])
        if data["state"] is not None:
            self.states[letter.agent] = data["state"]

    def _dead(self, data: dict[str, Any]) -> None:
        waited = self.letters[data["id"]].waits
        letter = self._close(data["id"])
        if waited:
            take_out(self.boxes if letter.agent else self.pools, letter.agent or letter.pool, data["id"])

    def _lost(self, data: dict[str, Any]) -> None:
        for message in reversed(data["ids"]):
            letter = self.letters[message]
            letter.strict |= letter.suspect and data["alone"] and message in data["ran"]
            letter.host, letter.suspect = "", letter.suspect or data["alone"]
            if message not in data["ran"]:
                letter.attempts -= 1
            self._land(letter.agent, message)
            self.boxes.setdefault(letter.agent, deque()).appendleft(message)

    def _hold(self, data: dict[str, Any]) -> None:
        message = data["id"]
        letter = self.letters[message]
        if letter.host:
            self._land(letter.agent, message)
        else:
            take_out(self.boxes, letter.agent, message)
        letter.host, letter.suspect, letter.held_at = "", False, data["at"]
        self.held[message] = None
        for other in reversed(data["back"]):
            behind = self.letters[other]
            self._land(letter.agent, other)
            behind.host = ""
            behind.attempts -= 1
            self.boxes.setdefault(letter.agent, deque()).appendleft(other)
        if data["blocks"]:
            self.blocked[letter.agent] = message
            for other in self.boxes.get(letter.agent, ()):
                self.letters[other].suspect = False

    def _decide(self, data: dict[str, Any]) -> None:
        letter = self.letters[data["id"]]
        step = Step(*data["step"])
        letter.steps[step.number] = step
        self.decided[data["id"]] = None
        if letter.doubt is None:
            self._release(data["id"], letter)
            self.boxes.setdefault(letter.agent, deque()).appendleft(data["id"])

    def _release(self, message: str, letter: Letter) -> None:
        letter.held_at = 0.0
        self.held.pop(message, None)
        if self.blocked.get(letter.agent) == message:
            del self.blocked[letter.agent]

    def _wake(self, data: dict[str, Any]) -> None:
        waited_for = set(data.get("waited", ()))  # a journal of before has none
        for message, letter in self.letters.items():
            if letter.envelope.deadline and message not in waited_for:
                until = data["now"] + letter.timeout_s if letter.envelope.cause else 0.0
                letter.envelope = letter.envelope._replace(deadline=until)

    def _rearm(self, data: dict[str, Any]) -> None:
        letter = self.letters[data["id"]]
        letter.envelope = letter.envelope._replace(deadline=data["deadline"])

    def _close(self, message: str) -> Letter:
        letter = self.letters.pop(message)
        if letter.host:
            self._land(letter.agent, message)
        self._release(message, letter)
        self.decided.pop(message, None)
        for ask in letter.asks:
            self.asks.pop(ask, None)
            self._known.discard(ask)
        return letter

    def _land(self, agent: str, message: str) -> None:
        box = self.flying.get(agent)
        if box is not None:
            box.pop(message, None)
            if not box:
                del self.flying[agent]
