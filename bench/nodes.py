"""A model of many nodes: what a message costs on 1 to 1,000 of them, and where the time goes.

All hosts are alike and busy, and any host may be written to. A host handles 512 messages, a stretch; then it makes the
calls for those that go abroad, one for each peer that has anything waiting, and takes in the calls that have come. So
a stretch costs the messages, what crosses, and the calls; how full a call is follows from how many peers there are.

A durable turn costs its host, and the board of its shard. Boards know nothing of each other until a message goes from
one shard to another, which costs both of them more.
"""

from __future__ import annotations

from dataclasses import dataclass

from stigmergy.actors.mesh.peer import MANY
from stigmergy.actors.volatile.workers import STRETCH


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds on one core of the machine that they were measured on."""

    local: float
    """A message from agent to agent in one host: sent, delivered, handled."""
    crossing: float
    """What one costs more that leaves the host: half of it there, half where it arrives."""
    call: float
    """A call between two hosts and its return, without what is in it; both ends together."""
    turn: float
    """A durable turn at its host: receive, change state, send one message."""
    commit: float
    """The same at its board: checked, paid for, watched, written."""
    hop: float
    """What a message from one shard to another costs more, at both boards together."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a swarm runs, with one host on each core that it has for hosts."""

    hosts: int
    abroad: float = 0.1
    """Share of messages that go to another host, any of them alike."""
    calls: float | None = None
    """Calls that a host makes after a stretch at most; what waits for the others fills them. None: as many as it has
    peers to write to, which is what stigmergy does."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one of the hosts does."""

    messages: float
    """Handled a second."""
    parcel: float
    """Messages in a call; 0 where there are none."""
    on_calls: float
    """Share of its time that goes to calls, and not to what is in them."""
    round_s: float
    """How long it takes until each peer has had its call: what a message abroad waits at the worst."""


def forecast(costs: Costs, site: Site) -> Forecast:
    """What a volatile swarm does there."""
    peers = site.hosts - 1
    leaving = STRETCH * site.abroad if peers else 0.0
    written_to = peers * (1 - (1 - 1 / peers) ** leaving) if peers else 0.0
    """How many peers the messages of a stretch are for, when each may be for any of them."""
    calls = max(min(written_to, site.calls or written_to), leaving / MANY)
    on_calls = calls * costs.call
    seconds = STRETCH * costs.local + leaving * costs.crossing + on_calls
    stretches = peers / calls if calls < written_to else 1.0
    return Forecast(
        messages=STRETCH / seconds,
        parcel=leaving / calls if calls else 0.0,
        on_calls=on_calls / seconds,
        round_s=seconds * stretches,
    )


@dataclass(frozen=True, slots=True)
class Durable:
    """What a durable swarm does."""

    turns: float
    """A second, all hosts together."""
    boards_busy: float
    """Share of their time that boards work; 1 when they are what everybody waits for."""


def durable(costs: Costs, hosts: int, shards: int) -> Durable:
    """What a durable swarm does whose messages go to any shard alike; each board and each host has a core."""
    between = 1 - 1 / shards
    board = costs.commit + between * costs.hop
    by_hosts, by_boards = hosts / costs.turn, shards / board
    turns = min(by_hosts, by_boards)
    return Durable(turns, turns / by_boards)


def shards_for(costs: Costs, hosts: int) -> int:
    """The fewest shards that keep so many hosts busy."""
    shards = 1
    while durable(costs, hosts, shards).boards_busy >= 1:
        shards += 1
    return shards
