"""Every threshold of the loop watchdog, with its default, its unit and its reason.

The rule of this file: the defaults are safe and on. ``math.inf`` turns a limit off, and says so where
it is written; the sizes, which are whole numbers, can only be large.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf

from stigmergy.protocols.errors import UsageError


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """Where healthy work ends and a loop begins. Counts are of messages, times are seconds."""

    stale_hops: float = 64
    """Hops of one chain that told nobody anything new; 64, the depth at which a TTL is usually set. Hops
    that carry news are free: an election passes 200 agents in a row and is healthy."""
    hops: float = 1_024
    """Hops of one chain, whatever they carry; 1,024: two laps of an election among 500 agents."""

    repeats_warn: float = 5
    """The same content from the same sender to the same recipient, for the same reason; warn at 5."""
    repeats: float = 10
    """Quarantine at 10. An agent that got the same answer nine times gets it a tenth time."""

    barren_warn: float = 12
    """Barren hops of a chain that goes round; warn at 12: six rounds of a ping-pong."""
    barren: float = 18
    """Quarantine at 18. With the rounds that expose the loop, that is after 24 to 45 messages."""
    words_a_hop: float = 3
    """New words that pay for one hop of a chain that goes round; 3. Thanks run out of words in a few rounds; a
    draft of twenty words of which each round changes five does not."""

    circling_warn: float = 600
    """Messages that go round, with words enough but without a fact, a claim or a finished task; warn at 600:
    three hundred rounds of generator and critic, or of a barrier."""
    circling: float = 900
    """Quarantine at 900. Two agents that always find something to say stop here, if their budget lets them."""

    pair_messages: float = 500
    """Messages of one conversation from one sender to one recipient in a window; slow the sender at 501."""
    pair_window_s: float = 1.0
    """The window; 1 s."""
    pair_windows: float = 60
    """Quarantine a pair that stays over the limit for 60 windows on end, without progress: it was asked to slow."""

    growth: float = 1.5
    """Messages in one generation over those in the generation before, from which on a conversation grows; 1.5."""
    growth_generations: int = 3
    """Generations of growth on end that make it persistent; 3: a fan-out grows for one or two."""
    echoes: float = 32
    """Echoes (stale messages caused by stale messages) in one growing generation; quarantine at 32. Healthy
    spreading has none: who has heard the rumour does not pass it on."""
    variants: float = 512
    """The same for echoes that differ in digits or in order only; 512, as a recursion over numbers looks alike."""
    variants_generations: int = 5
    """Generations of growth after which contents are compared by their words; 5."""

    stalled_messages: float = 200
    """Echoes of a conversation since anybody in it learned anything; 200, together with the time below."""
    stalled_s: float = 60.0
    """How long nobody learned anything; 60 s."""

    swarm_echoes: float = 10_000
    """Echoes of the whole swarm in a window without any progress; stop the swarm at 10,000."""
    swarm_share: float = 0.95
    """And at least this share of all its messages were echoes; 0.95."""
    swarm_quarantines: int = 100
    """Conversations quarantined in a window; stop the swarm at 100: then the loop is in the program, not in a case."""
    swarm_window_s: float = 60.0
    """The window of both; 60 s."""

    overdue: float = 2.0
    """A turn past its deadline is warned of; one that takes 2 times what it was given is quarantined."""
    forgotten_ask_s: float = 3_600.0
    """An ask that nobody settled for an hour belongs to a process that is gone."""

    conversations: int = 8_192
    """Conversations remembered, 8,192 to twice as many; the least recently active are forgotten first."""
    memory: int = 100_000
    """Messages remembered over all conversations, about 1 KB each. They share it equally, and each may always
    remember 64: a loop, which comes back to the same few things, needs no more."""
    quarantined: int = 100_000
    """Quarantined conversations remembered. A forgotten one is caught again."""

    @classmethod
    def simulation(cls) -> LoopLimits:
        """For rule-based swarms whose rounds are bounded: no judgement of messages, only of asks, turns and the swarm.

        A game of a thousand equal moves looks like a loop, and is the experiment.
        """
        return cls(
            stale_hops=inf,
            hops=inf,
            repeats_warn=inf,
            repeats=inf,
            barren_warn=inf,
            barren=inf,
            circling_warn=inf,
            circling=inf,
            pair_messages=inf,
            echoes=inf,
            variants=inf,
            stalled_messages=inf,
            swarm_echoes=inf,
        )

    @property
    def weighs(self) -> bool:
        """Whether contents are compared by their words at all."""
        return self.barren_warn < inf or self.variants < inf

    def __post_init__(self) -> None:
        """Check that every limit is positive and that no warning comes after its verdict. Raises: UsageError."""
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise UsageError(f"LoopLimits.{field.name} must be above 0; math.inf turns a limit off")
        for name in ("repeats", "barren", "circling"):
            warn, limit = getattr(self, f"{name}_warn"), getattr(self, name)
            if warn > limit:
                raise UsageError(f"LoopLimits.{name}_warn is {warn:g}, above {name}, which is {limit:g}")
