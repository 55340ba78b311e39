"""The mailbag: the state of a shard's mail, as the journal's entries make it.

The rule of this file: mail changes nowhere else, and only as an entry says; an entry that was written is never
refused, and the same entries make the same mail. What may be written is decided in mail.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.turn import Step

from .letter import Letter, take_out


class Mailbag:
    """Letters, where they wait, and the states of the agents that handled the earlier ones."""

    def __init__(self) -> None:
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
        self._holding: dict[str, int] = {}
        """How many letters of an agent those are."""
        self.decided: dict[str, None] = {}
        """Ids about which a person has decided."""
        self.blocked: dict[str, str] = {}
        """Agents that take no mail because their turn is held: to its id."""
        self._known: set[str] = set()
        """Ids of the asks of open turns, which a turn that starts over sends again; and of letters put back."""

    def waiting(self, address: str) -> int:
        """How many letters wait for an agent or in a pool, or are at its host."""
        box = self.boxes.get(address) or self.pools.get(address) or ()
        return len(box) + len(self.flying.get(address, ()))

    def busy(self) -> Iterator[str]:
        """Agents for which messages wait, are being handled, or are held for a person; some more than once."""
        yield from self.boxes
        yield from self.flying
        yield from self._holding

    def is_busy(self, agent: str) -> bool:
        """Whether an agent is one of those."""
        return agent in self.boxes or agent in self.flying or agent in self._holding

    def is_known(self, message: str) -> bool:
        """Whether a message was accepted before, and may come again; see `Outsiders` for what comes from outside."""
        return message in self._known or message in self.letters

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as an entry says."""
        getattr(self, "_" + kind.removeprefix("mail."))(data)

    def _accept(self, data: dict[str, Any]) -> None:
        self._take_in(Envelope.from_wire(data["e"]), data)

    def _take_in(self, envelope: Envelope, data: dict[str, Any]) -> None:
        pool, message = data["pool"], envelope.id
        letter = self.letters[message] = Letter(envelope, data["at"], "" if pool else envelope.to, pool)
        if envelope.deadline:
            letter.timeout_s = envelope.deadline - data["at"]
        if pool:
            letter.depth = data.get("depth", 0)
        boxes, address = (self.pools, pool) if pool else (self.boxes, envelope.to)
        box = boxes.get(address)
        if box is None:
            boxes[address] = deque((message,))
        else:
            box.append(message)
        if "once" in data:
            self._known.add(message)
        if envelope.mode == "ask":
            index, key = data.get("step") or (0, "")
            self._asks(message, envelope.cause if "step" in data else "", index, key)

    def _ask(self, data: dict[str, Any]) -> None:
        self._asks(data["id"], data["turn"], *data["step"])

    def _asks(self, ask: str, turn: str, index: int, key: str) -> None:
        self.asks[ask] = (turn, index, key)
        if turn in self.letters:
            self._known.add(ask)
            self.letters[turn].asks.append(ask)

    def _answered(self, data: dict[str, Any]) -> None:
        self.asks.pop(data["id"], None)

    def _fan(self, data: dict[str, Any]) -> None:
        envelope = Envelope.from_wire(data["e"])
        depth = data.get("depth", 0)
        for number, address in enumerate(data["to"], data.get("first", 0)):
            message = f"{envelope.id}.{number}"
            pool = "" if "/" in address else address
            letter = Letter(envelope._replace(id=message), data["at"], "" if pool else address, pool)
            letter.depth = depth
            self.letters[message] = letter
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
        self._keep(data["turn"], Step(*data["step"]))

    def _leave(self, data: dict[str, Any]) -> None:
        self.letters[data["turn"]].leave(data["from"])

    def _keep(self, turn: str, step: Step, weight: int | None = None) -> None:
        letter = self.letters.get(turn)
        if letter is not None:
            letter.keep(step, weight)

    def _reply(self, data: dict[str, Any]) -> None:
        envelope = Envelope.from_wire(data["e"])
        turn, index, key = self.asks.pop(envelope.reply_to, ("", 0, ""))
        letter = self.letters.get(turn)
        # An answer that came after its turn had given up waiting changes nothing: the turn went another road.
        if letter is not None and index not in letter.steps:
            letter.keep(Step(index, key, data["e"]))

    def _again(self, data: dict[str, Any]) -> None:
        letter = self.letters[data["id"]]
        letter.attempts += 1
        letter.round += 1
        letter.start_over(data.get("tried", ()))
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
        for message in data["ids"]:  # agents are looked at in the order of their boxes
            self.boxes.setdefault(self.letters[message].agent, deque())
        for message in reversed(data["ids"]):
            letter = self.letters[message]
            letter.strict |= letter.suspect and data["alone"] and message in data["ran"]
            letter.host, letter.suspect, letter.returned = "", letter.suspect or data["alone"], True
            if message not in data["ran"]:
                letter.attempts -= 1
            self._land(letter.agent, message)
            self.boxes[letter.agent].appendleft(message)

    def _hold(self, data: dict[str, Any]) -> None:
        message = data["id"]
        letter = self.letters[message]
        if letter.host:
            self._land(letter.agent, message)
        else:
            take_out(self.boxes, letter.agent, message)
        letter.host, letter.suspect, letter.held_at = "", False, data["at"]
        self.held[message] = None
        self._holding[letter.agent] = self._holding.get(letter.agent, 0) + 1
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
        letter.keep(Step(*data["step"]))
        self.decided[data["id"]] = None
        if letter.doubt is None:
            self._release(data["id"], letter)
            self.boxes.setdefault(letter.agent, deque()).appendleft(data["id"])

    def _release(self, message: str, letter: Letter) -> None:
        letter.held_at = 0.0
        if message in self.held:
            del self.held[message]
            self._holding[letter.agent] -= 1
            if not self._holding[letter.agent]:
                del self._holding[letter.agent]
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
        if message in self.held:
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
