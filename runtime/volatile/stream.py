"""Random streams: one for each agent of a run, eight bytes of state each.

A stream is SplitMix64: draw n mixes key + n * gamma. So a million agents keep a counter each, where
the generator of `random` would keep 2.5 KB each; what it makes of the bits is inherited.

Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

import random
from hashlib import blake2b
from typing import Any, Final

from stigmergy.actors.volatile.slot import Slot
from stigmergy.protocols.errors import UsageError

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15
_FLOAT: Final = 2.0**-53


def key_of(seed: int, agent: str, purpose: str = "") -> int:
    """Where the stream of an agent begins."""
    text = f"{seed}\x1f{agent}\x1f{purpose}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


class Stream(random.Random):
    """`random.Random` over the stream of whatever agent it is set to."""

    slot: Slot | None
    """The agent, which keeps the state: its key, and a gamma for each draw."""

    def __init__(self) -> None:
        self.slot = None
        super().__init__(0)

    def take(self, slot: Slot, seed: int) -> None:
        """Go on with the stream of an agent."""
        self.slot = slot
        if not slot.draws:
            slot.draws = key_of(seed, slot.name)

    def seed(self, *_args: Any, **_kwargs: Any) -> None:
        """A stream is seeded by its key."""
        self.gauss_next = None

    def bits(self) -> int:
        """The next 64 bits."""
        slot = self.slot
        if slot is None:
            raise UsageError("this stream belongs to nobody yet")
        slot.draws = at = slot.draws + _GAMMA & _MASK
        at = (at ^ at >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        at = (at ^ at >> 27) * 0x94D049BB133111EB & _MASK
        return at ^ at >> 31

    def random(self) -> float:
        """A number from 0 up to 1, of 53 bits."""
        return (self.bits() >> 11) * _FLOAT

    def getrandbits(self, k: int, /) -> int:
        """``k`` random bits."""
        found = self.bits()
        have = 64
        while have < k:
            found = found << 64 | self.bits()
            have += 64
        return found >> have - k
