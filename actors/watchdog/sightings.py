"""What the watchdog is told, and what it answers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from stigmergy.protocols.envelope import Envelope


class Sighting(NamedTuple):
    """One message on its way. A named tuple, because one is made for every message of the swarm."""

    id: str
    """The same on every attempt: a message that is sent again is not a second message."""
    conversation: str
    cause: str
    """Id of the message whose turn sent this one; empty for a request from outside. A timer's tick has an id of its
    own and no hops, so what it causes starts anew: that is what tells polling from looping."""
    sender: str
    recipient: str
    """An agent, a kind, a skill; for mode ``post`` the topic."""
    type: str
    digest: Hashable
    """Equal for equal type and body."""
    hops: int
    """Agent hops since the outside request."""
    at: float
    """Seconds on any clock that the whole swarm shares."""
    mode: str = "tell"

    @classmethod
    def of(cls, envelope: Envelope, at: float) -> Sighting:
        """The sighting of an envelope. Its body goes beside it, so that it is not kept."""
        return cls(
            envelope.id,
            envelope.conversation,
            envelope.cause,
            envelope.sender,
            envelope.to,
            envelope.type,
            hash((envelope.type, envelope.body)),
            envelope.hops,
            at,
            envelope.mode,
        )


class Action(StrEnum):
    """What the caller does about a verdict, mildest first."""

    WARN = "warn"
    """Tell people; change nothing."""
    SLOW = "slow"
    """Hold the sender's messages to this recipient until the window is over."""
    QUARANTINE = "quarantine"
    """Dead-letter what the conversation has in flight, and refuse what it sends from now on."""
    STOP = "stop"
    """Stop the swarm."""


class Reason(StrEnum):
    """Why there is a verdict."""

    HOPS = "hops"
    PAIR_RATE = "pair_rate"
    REPETITION = "repetition"
    PING_PONG = "ping_pong"
    CYCLE = "cycle"
    BRANCHING = "branching"
    NO_PROGRESS = "no_progress"
    DEADLOCK = "deadlock"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found; a verdict that does not know its conversation yet."""

    action: Action
    reason: Reason
    agents: tuple[str, ...]
    exchange: str
    count: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, who did it, and what to do."""

    action: Action
    reason: Reason
    conversation: str
    """Empty when it is about the whole swarm."""
    agents: tuple[str, ...]
    exchange: str
    """For people: ``alice/1 -Thanks-> bob/1 -Thanks-> alice/1, 12 times``."""
    count: int
    """How often, in the unit of the reason: hops, repeats, rounds, messages, agents or seconds."""
    advice: str

    def to_plain(self) -> dict[str, Any]:
        """As msgpack-able data, to be recorded."""
        plain = asdict(self)
        return {**plain, "action": self.action.value, "reason": self.reason.value, "agents": list(self.agents)}
