"""A letter: an accepted message, where it is, and what its turn has recorded. Only `Mail` changes one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from stigmergy.protocols.codec import pack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.turn import Step, fork_of, tried


@dataclass(slots=True)
class Letter:
    """An accepted message and what its turn has done so far."""

    envelope: Envelope
    at: float
    """Unix seconds of acceptance."""
    agent: str
    """Who handles it; empty while it waits in a pool."""
    pool: str
    """The kind whose pool it waits in, or came from; empty for one agent's mail."""
    attempts: int = 0
    round: int = 0
    """How often the turn failed and was started over; part of the ids of its asks."""
    fork: int | None = None
    """Its first step that ever failed and is tried again; behind it the turn may go another way than before."""
    host: str = ""
    """The host that has it; empty while it waits."""
    suspect: bool = False
    """It was in flight when a host died: it is tried again alone."""
    strict: bool = False
    """It was in flight again when a host died: nothing else may be on its host while it runs."""
    returned: bool = False
    """A host had it and was lost: its turn may have acted, and nobody knows on which shards."""
    steps: dict[int, Step] = field(default_factory=dict)
    weight: int = 0
    """Bytes that its steps have recorded."""
    timeout_s: float = 0.0
    """The time it was given when it was accepted; 0 for as long as it takes."""
    depth: int = 0
    """How deep an agent is that it brings into being, while it waits in a pool; 0 when nobody counts."""
    asks: list[str] = field(default_factory=list)
    """Ids of the asks of this turn, to be forgotten with it."""
    held_at: float = 0.0
    """Unix seconds since when it waits for a person; 0 when it does not."""
    weights: dict[int, int] | None = field(default=None, compare=False, repr=False)
    """How many of them each step has, by its number."""

    def keep(self, step: Step, weight: int | None = None) -> None:
        """Put a step in its place; who has weighed it says its ``weight``."""
        self.weights = self.weights or {}
        weight = weight_of(step) if weight is None else weight
        self.weight += weight - self.weights.get(step.number, 0)
        self.weights[step.number] = weight
        self.steps[step.number] = step

    def with_steps(self, weights: dict[int, int]) -> int:
        """How many bytes it would have with steps of these numbers and weights."""
        return self.weight + sum(weights.values()) - sum((self.weights or {}).get(number, 0) for number in weights)

    def start_over(self, acts: Iterable[tuple[int, str]]) -> None:
        """Drop the steps that a turn which starts over tries again, but not that they, and its ``acts``, may count."""
        failed = [step for step in self.steps.values() if step.failed]
        self.fork = fork_of(self.fork, [step.number for step in failed])
        self._drop([step.number for step in failed])
        for number, key in (*((step.number, step.key) for step in failed if step.is_open), *acts):
            if number not in self.steps:
                self.keep(tried(number, key))

    def leave(self, number: int) -> None:
        """Drop what lies at and behind the step where its turn leaves the road that was recorded."""
        self._drop([other for other in self.steps if other >= number])

    def _drop(self, numbers: list[int]) -> None:
        for number in numbers:
            del self.steps[number]
            self.weight -= (self.weights or {}).pop(number, 0)

    @property
    def waits(self) -> bool:
        """Whether it is in a box or a pool: neither at a host nor held for a person."""
        return not self.host and not self.held_at

    @property
    def doubt(self) -> Step | None:
        """The first step that only a person can decide, if there is one."""
        return min((step for step in self.steps.values() if step.in_doubt), default=None, key=lambda s: s.number)


def weight_of(step: Step) -> int:
    """How many bytes a step has recorded."""
    return len(pack(step.result))


def take_out(boxes: dict[str, deque[str]], name: str, message: str) -> None:
    """Take a message out of the box of that name; an empty box is removed."""
    box = boxes.get(name)
    if box is None:
        return
    if box[0] == message:
        box.popleft()
    else:
        box.remove(message)
    if not box:
        del boxes[name]
