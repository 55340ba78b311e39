"""The loop watchdog: sees every message of the swarm, and says when it goes round in circles.

It decides nothing by itself: a verdict is for the caller to record and to carry out. Time comes with
each call, so that the same calls give the same verdicts.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from .branching import check_branching
from .chains import Link
from .conversation import Conversation
from .cycles import check_circling, check_cycle
from .limits import LoopLimits
from .pairs import Pair
from .recent import Recent
from .sightings import Action, Finding, Reason, Sighting, Verdict
from .stalls import SwarmProgress, check_stall
from .turns import Turns
from .waits import Waits
from .wire import check_hops, check_rate, check_repetition, is_deep

_SEVERITY: Final = {action: rank for rank, action in enumerate(Action)}
_LEAST_ROOM: Final = 32
"""Messages a conversation may always remember per generation. A loop needs no more than its period."""

_ADVICE: Final = {
    Reason.HOPS: "end the chain: answer, write a fact, or raise LoopLimits.stale_hops or .hops",
    Reason.PAIR_RATE: "send less, put many items in one message, or raise LoopLimits.pair_messages",
    Reason.REPETITION: "keep the first answer; an agent that waits for a change should use a timer or subscribe",
    Reason.PING_PONG: "let one of the two stop without an answer; closing courtesies need no reply",
    Reason.CYCLE: "give the task an owner who may end it, or count the rounds in the message and stop",
    Reason.BRANCHING: "forward a message once: remember what was forwarded, or pass it to one agent only",
    Reason.NO_PROGRESS: "write what was found as a fact, finish the task, or end it with a partial result",
    Reason.DEADLOCK: "use tell and a later answer, ask somebody else, or declare the kind reentrant",
    Reason.OVERDUE: "split the turn, give its calls deadlines, or raise the kind's turn_timeout_s",
}


class LoopWatchdog:
    """Judges conversations. `see` takes about 3 microseconds, and its memory is bounded by ``limits``."""

    def __init__(self, limits: LoopLimits | None = None, patience_s: float = 0.0) -> None:
        """``patience_s``: how old a deadlock must be before it is one, for a swarm whose asks are told of late."""
        self._limits = limits or LoopLimits()
        self._patience_s = patience_s
        self._suspected: dict[tuple[str, str], tuple[str, float]] = {}
        """Asks that seem to close a deadlock: to conversation and time."""
        self._most = self._limits.pair_messages
        self._deep = min(self._limits.stale_hops, self._limits.hops)
        self._conversations: Recent[str, Conversation] = Recent()
        self._quarantined: Recent[str, str] = Recent()
        self._room = self._limits.memory
        self._swarm = SwarmProgress(self._limits)
        self._turns = Turns(self._limits.overdue)
        self._waits = Waits()

    def __len__(self) -> int:
        """How many messages, contents, pairs and trees are remembered."""
        return sum(map(len, self._conversations))

    def see(self, sighting: Sighting, body: bytes = b"") -> Verdict | None:
        """Judge one message. A message that is seen again is not judged again; nor is a quarantined conversation.

        ``body`` is the encoded message. It is read only when a chain goes round or a conversation keeps growing, and
        is not kept. Without it any new digest is taken for new content, so that a loop which counts its rounds goes on
        to ``LoopLimits.circling``.
        """
        conversation = self._conversations.get(sighting.conversation)
        if conversation is None:
            conversation = self._meet(sighting)
            if conversation is None:
                return None
        room = self._room
        pair = conversation.pair(sighting, room)
        link = conversation.follow(sighting, body, pair, room)
        if link is None:
            pair.messages -= 1
            return None
        self._swarm.messages += 1
        if link.stale or link.rounds or link.echo or pair.messages > self._most:
            return self._judge(link, pair, conversation)
        if sighting.hops > self._deep and is_deep(link, self._limits):
            return self._judge(link, pair, conversation)
        return None

    def carried(self, conversation: str, message: str) -> list[Any] | None:
        """What another host needs to follow a chain on from a message that goes there; None for what is not known."""
        known = self._conversations.get(conversation)
        return None if known is None else known.carried(message, self._room)

    def arrived(self, sighting: Sighting, carried: list[Any] | None) -> None:
        """A message has come from another host, which has judged it: what follows from it here is judged here."""
        conversation = self._conversations.get(sighting.conversation) or self._meet(sighting)
        if conversation is not None:
            conversation.arrived(sighting, carried, self._room)

    def passes(self, last: Sighting, digests: Sequence[Hashable]) -> bool:
        """Whether some messages of one turn to one recipient are plainly news: then they are remembered as seen.

        If not nothing is, and each wants to be seen by itself. ``last`` is the last of them; ``digests`` are those of
        all. Takes about half a microsecond for each.
        """
        conversation = self._conversations.get(last.conversation)
        if conversation is None or last.hops > self._deep:
            return False
        if not conversation.takes_in(last, digests, self._room):
            return False
        self._swarm.messages += len(digests)
        return True

    def progress(self, conversation: str, at: float, cause: str = "") -> None:
        """A new fact or version, a completed claim, a finished task: not any write.

        ``cause`` is the message whose turn got there. With it, progress excuses what follows from that turn; without,
        the whole conversation, and so also a loop beside the work. Tell it before the messages of the same turn.
        """
        self._swarm.progress += 1
        known = self._conversations.get(conversation)
        if known is not None:
            known.progress(cause, at)

    def waits(self, asker: str, asked: str, conversation: str, at: float, *, reentrant: bool = False) -> Verdict | None:
        """``asker`` begins to wait for an answer of ``asked``, whose kind may be ``reentrant``.

        A deadlock is found by the ask that closes it. To end that ask with an error is enough to break it.
        """
        finding = self._waits.begin(asker, asked, at, reentrant=reentrant)
        if finding and self._patience_s:
            self._suspected[asker, asked] = (conversation, at)
            return None
        return self._sentence(conversation, finding, at) if finding else None

    def deadlock(self, conversation: str, ring: Finding, at: float) -> Verdict:
        """Whoever keeps the waits elsewhere has found a ring."""
        return self._sentence(conversation, ring, at)

    def leaves(self, agent: str) -> None:
        """An agent waits for nobody any more."""
        self._waits.leave(agent)

    def is_waiting(self, agent: str) -> bool:
        """Whether an agent waits for another's answer."""
        return agent in self._waits

    def answered(self, asker: str, asked: str) -> None:
        """``asker`` waits no longer: it has its answer, an error, or no more time."""
        self._waits.end(asker, asked)

    def turn_began(self, turn: str, agent: str, conversation: str, deadline: float, now: float) -> None:
        """A turn begins, or is tried again; ``deadline`` is on the clock of ``now``."""
        self._waits.leave(agent)
        self._turns.begin(turn, agent, conversation, now, deadline)

    def turn_ended(self, turn: str) -> None:
        """A turn ended, well or not; so its agent waits for nobody any more."""
        agent = self._turns.end(turn)
        if agent is not None:
            self._waits.leave(agent)

    def sweep(self, now: float) -> list[Verdict]:
        """What only time shows: turns past their deadline, and a swarm without progress. Call it once a second."""
        self._waits.drop_before(now - self._limits.forgotten_ask_s)
        verdicts = [self._sentence(name, finding, now) for name, finding in self._turns.late(now)]
        verdicts += [self._sentence(name, finding, now) for name, finding in self._confirmed(now)]
        swarm = self._swarm.sweep(now)
        return verdicts if swarm is None else [*verdicts, _verdict("", swarm)]

    def _confirmed(self, now: float) -> Iterator[tuple[str, Finding]]:
        """The suspected deadlocks that are still there."""
        for (asker, asked), (conversation, at) in list(self._suspected.items()):
            if now - at >= self._patience_s:
                del self._suspected[asker, asked]
                finding = self._waits.still(asker, asked, at)
                if finding is not None:
                    yield conversation, finding

    def close(self, conversation: str) -> None:
        """The conversation is over: forget it. A quarantine stays."""
        self._conversations.forget(conversation)

    def is_quarantined(self, conversation: str) -> bool:
        """Whether what this conversation sends is refused."""
        return conversation in self._quarantined

    def quarantine(self, conversation: str) -> None:
        """Refuse a conversation from now on, and forget what was remembered of it."""
        self._quarantined.put(conversation, conversation, self._limits.quarantined)
        self._conversations.forget(conversation)

    def restore(self, quarantined: Iterable[str]) -> None:
        """After a restart: the conversations of the recorded verdicts, oldest first."""
        for conversation in quarantined:
            self.quarantine(conversation)

    def _meet(self, sighting: Sighting) -> Conversation | None:
        """A conversation that is new, or None when it is quarantined."""
        name = sighting.conversation
        if name in self._quarantined:
            return None
        conversation = Conversation(name, sighting.at, self._limits)
        self._conversations.put(name, conversation, self._limits.conversations)
        # Two generations in each of a conversation's memories: half the room for each.
        self._room = max(_LEAST_ROOM, self._limits.memory // (2 * len(self._conversations)))
        return conversation

    def _judge(self, link: Link, pair: Pair, conversation: Conversation) -> Verdict | None:
        """The gravest finding. A warning is given once per conversation and reason."""
        findings = [finding for finding in self._findings(link, pair, conversation) if finding is not None]
        if link.echo:
            self._swarm.echoes += 1
        for finding in sorted(findings, key=lambda each: _SEVERITY[each.action], reverse=True):
            if finding.action is Action.WARN:
                if finding.reason in conversation.warned:
                    continue
                conversation.warned += (finding.reason,)
            return self._sentence(conversation.id, finding, link.sent.at)
        return None

    def _findings(self, link: Link, pair: Pair, conversation: Conversation) -> Iterator[Finding | None]:
        limits = self._limits
        if link.rounds:
            yield check_cycle(link, conversation, limits)
            yield check_circling(link, conversation, limits)
        if link.stale:
            yield check_repetition(link, limits)
        if link.echo:
            yield check_branching(link, conversation, limits)
            yield check_stall(link, conversation, limits)
        yield check_hops(link, conversation, limits)
        yield check_rate(link, pair, conversation, limits)

    def _sentence(self, name: str, finding: Finding, at: float) -> Verdict:
        """Turn a finding into a verdict, and keep the quarantine that it asks for."""
        if finding.action is not Action.QUARANTINE:
            return _verdict(name, finding)
        swarm = None if self.is_quarantined(name) else self._swarm.quarantined(at)
        self.quarantine(name)
        if swarm is None:
            return _verdict(name, finding)
        text = f"{swarm.exchange}; the last: {finding.exchange}"
        return _verdict(name, replace(finding, action=Action.STOP, exchange=text))


def _verdict(name: str, finding: Finding) -> Verdict:
    return Verdict(
        finding.action,
        finding.reason,
        name,
        finding.agents,
        finding.exchange,
        finding.count,
        _ADVICE[finding.reason],
    )
