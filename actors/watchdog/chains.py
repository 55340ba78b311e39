"""A chain of causes, hop by hop: does it go round, and does it still bring news?

The rule of this file: a link holds what its successor needs and no reference to its predecessor, so
a chain of any length costs what its remembered links cost.

A chain goes round when it takes the same few pairs (sender, recipient) again and again: at least
six hops, and on average two or more on each pair. That finds any period up to 16 and also the
disorderly round of a group chat, by one bit per pair and one count; while a token that passes two
hundred agents, or a walk over many, takes new pairs and does not count. The bits start anew after 32
hops that did not go round, so a long healthy history does not hide a loop.
"""

from __future__ import annotations

from typing import Any, Final

from .sightings import Sighting
from .tree import Tree

_SHORTEST: Final = 6
"""Three rounds of a ping-pong: before that, a conversation of two is a conversation."""
_VISITS: Final = 2
_WINDOW: Final = 32
_BITS: Final = 256
"""Pairs that a chain can tell apart; within a window of 32 hops, eight times as many as it can take."""


class Link:
    """What is remembered of one message. Defaults are the class's, as one is made for every message."""

    rounds = False
    """Its chain goes round."""
    barren = 0.0
    """Hops of the round that brought nothing, less what new words paid for."""
    circling = 0
    """Hops of rounds since the chain made progress."""
    stale_hops = 0
    """Stale hops, less those that were not."""
    said = 0
    """How often its content was said in vain: 0 for news, 1 for what others said, 2 and more for a repetition."""
    stale = False
    """Its recipient had exactly this before, in the same tree."""
    variant = False
    """Its recipient had not, but by its words it tells nothing new either."""
    echo = False
    """It tells nothing new, and neither did its cause."""
    renewals = 0
    """How often its turn made progress."""
    since = 0
    """How often the turn that sent it had made progress by then."""
    epoch = 0
    """How often its conversation had made progress when the link was last looked at."""

    def __init__(self, sent: Sighting, tree: Tree, pair: int, before: Link | None) -> None:
        self.sent = sent
        self.tree = tree
        bit = 1 << pair % _BITS
        if before is None:
            self.pairs = bit
            self.span = 1
            return
        if before.stale_hops:
            self.stale_hops = before.stale_hops
        if before.circling:
            self.circling = before.circling
        pairs, span, rounds = before.pairs, before.span, before.rounds
        if (rounds and not pairs & bit) or (span >= _WINDOW and not rounds):
            self.pairs = bit
            self.span = 1
            return
        self.pairs = pairs = pairs | bit
        self.span = span = span + 1
        if span >= _SHORTEST and span >= _VISITS * pairs.bit_count():
            self.rounds = True
            self.circling += 1
            self.barren = before.barren

    def pay(self, new_words: float, words_a_hop: float) -> None:
        """Take off the barren hops that new words pay for."""
        self.barren = max(0.0, self.barren - new_words / words_a_hop)

    def renew(self) -> None:
        """Its turn made progress: what follows from it starts fresh."""
        self.renewals += 1
        self.stale = self.variant = False
        self.stale_hops = self.circling = 0
        self.barren = 0.0

    def carried(self) -> list[Any]:
        """What another host needs to follow the chain on from here."""
        pairs = self.pairs.to_bytes(_BITS // 8, "little")
        return [
            pairs, self.span, self.rounds, self.barren, self.circling, self.stale_hops, self.stale, self.variant,
        ]  # fmt: skip

    @classmethod
    def arrived(cls, sent: Sighting, tree: Tree, carried: list[Any]) -> Link:
        """The link that another host made of a message."""
        link = cls(sent, tree, 0, None)
        pairs, link.span, link.rounds, link.barren, link.circling, link.stale_hops, link.stale, link.variant = carried
        link.pairs = int.from_bytes(pairs, "little")
        return link

    @property
    def step(self) -> tuple[str, str, str]:
        """Who sent what to whom."""
        return self.sent.sender, self.sent.recipient, self.sent.type
