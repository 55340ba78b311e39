"""Which host an agent belongs to: everybody who knows the hosts works out the same answer, nobody keeps a table.

Highest random weight: each host draws a number from (host, agent), and the highest wins. When a host goes only its
own agents move, and they spread over all others; when one comes it takes its share from each. Weights divide the
agents in proportion.

Sources: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
Networking 6(1), 1998; the weighted score -w / ln(u) is that of Schindelhauer and Schomaker, "Weighted distributed
hash tables", SPAA 2005.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from stigmergy.protocols.kind import KindSpec

_BITS: Final = 52
"""With 52 bits, (n + 0.5) / 2**52 is exact in a float and never 0 or 1, whose logarithms would not do."""

_REMEMBERED: Final = 100_000
"""Answers that are kept, 10 MB; working one out takes 1 us a host, looking it up 0.3 us (measured)."""


class Seat:
    """A host as placement sees it: a name, which keys its own random function, and a weight."""

    __slots__ = ("_mix", "name", "weight")

    def __init__(self, name: str, weight: float = 1.0) -> None:
        self.name = name
        self.weight = weight
        self._mix = blake2b(key=name.encode(), digest_size=8)

    def draw(self, agent: bytes) -> float:
        """What this host bids for an agent: the higher the better."""
        mix = self._mix.copy()
        mix.update(agent)
        number = int.from_bytes(mix.digest(), "big") >> (64 - _BITS)
        return -self.weight / math.log((number + 0.5) / 2**_BITS)


def place(agent: str, seats: Iterable[Seat]) -> str | None:
    """The host of an agent, or None when there is no host."""
    key = agent.encode()
    bids = [(seat.draw(key), seat.name) for seat in seats]
    return max(bids)[1] if bids else None


@dataclass(frozen=True, slots=True)
class Member:
    """One life of a host."""

    epoch: int
    kinds: tuple[str, ...]
    """What it runs, as ``kind`` or ``kind/key``; empty means every kind that shares hosts."""
    weight: float
    instance: str

    def runs(self, spec: KindSpec) -> bool:
        """Whether any agent of a kind may be here."""
        return spec.name in self.kinds if self.kinds else spec.resources.shared


class Seating:
    """The seats for each kind and for each agent that has hosts of its own, worked out when first asked for."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self._by_kind: dict[str, list[Seat]] = {}
        self._by_agent: dict[str, list[Seat]] | None = None
        self._hosts: dict[str, list[str]] = {}
        self._homes: dict[str, str | None] = {}

    def changed(self) -> None:
        """Forget what was worked out: a host or a kind has changed."""
        self._by_kind.clear()
        self._by_agent = None
        self._hosts.clear()
        self._homes.clear()

    def home(self, agent: str, spec: KindSpec) -> str | None:
        """The host of an agent, or None when there is no host."""
        if agent not in self._homes:
            if len(self._homes) >= _REMEMBERED:
                self._homes.clear()
            self._homes[agent] = place(agent, self.for_agent(agent, spec))
        return self._homes[agent]

    def for_agent(self, agent: str, spec: KindSpec) -> list[Seat]:
        """The hosts where an agent may be: its own if it has any, else those of its kind."""
        return self._own().get(agent) or self.for_kind(spec)

    def for_kind(self, spec: KindSpec) -> list[Seat]:
        """The hosts that run any agent of a kind."""
        seats = self._by_kind.get(spec.name)
        if seats is None:
            found = [(host, member) for host, member in sorted(self.members.items()) if member.runs(spec)]
            seats = self._by_kind[spec.name] = [Seat(host, member.weight) for host, member in found]
        return seats

    def hosts(self, spec: KindSpec) -> list[str]:
        """The hosts that run a kind, those of single agents included."""
        hosts = self._hosts.get(spec.name)
        if hosts is None:
            prefix = f"{spec.name}/"
            hosts = self._hosts[spec.name] = [
                host
                for host, member in sorted(self.members.items())
                if member.runs(spec) or any(agent.startswith(prefix) for agent in member.kinds)
            ]
        return hosts

    def _own(self) -> dict[str, list[Seat]]:
        if self._by_agent is None:
            self._by_agent = {}
            for host, member in sorted(self.members.items()):
                for agent in member.kinds:
                    if "/" in agent:
                        self._by_agent.setdefault(agent, []).append(Seat(host, member.weight))
        return self._by_agent
