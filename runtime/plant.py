"""How a swarm is housed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self, TypedDict, get_args

from stigmergy.protocols.errors import UsageError

from .engines import EngineName

MOST_SHARDS: Final = 64
"""Every shard has a link to every other, and every host to each."""

MOST_HOSTS: Final = 1_000
"""Every host has a link to each board; and without a journal to every other host."""


@dataclass(frozen=True, slots=True)
class Plant:
    """How a swarm is housed; most swarms need none of it."""

    engine: EngineName = "ray"
    address: str = "local"
    """Ray only: ``local`` starts Ray here; ``auto`` or ``host:port`` joins a cluster."""
    hosts: int = 0
    """Host processes; 0 means one per core, at most 4, and one on the local engine."""
    shards: int = 1
    """Boards that share the blackboard and the mail, each with a journal of its own; see docs/shards.md."""
    durability: str = "fsync"
    """``fsync`` survives power loss, ``process`` only the death of processes."""
    idle_after_s: float = 300.0
    """An agent without a message for so long is passivated: its object is dropped, its state is at the board. 300 s."""
    live_agents: int = 100_000
    """Agents that a host keeps alive; above it the longest idle are passivated at once. 100,000."""
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Changes to the loop watchdog's limits by name; see `LoopLimits`."""

    @property
    def spread(self) -> bool:
        """Whether there may be more than one host, or one in a process of its own."""
        return self.engine != "local" or self.hosts > 1

    def to_plain(self) -> dict[str, Any]:
        """As data that JSON can hold."""
        return {**asdict(self), "limits": dict(self.limits)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of `to_plain`; what is missing has its default, what is more is passed over."""
        return cls(**{own.name: plain[own.name] for own in fields(cls) if own.name in plain})


class Premises(TypedDict, total=False):
    """Where a swarm is housed: ``engine``, or a ``plant``, which says that and more.

    By default ``ray``, and ``local`` for a swarm that is not durable.
    """

    engine: EngineName
    plant: Plant | None


def plant_of(premises: Premises, *, durable: bool) -> Plant:
    """The plant that is meant. Raises: UsageError."""
    unknown = premises.keys() - Premises.__annotations__.keys()
    if unknown:
        raise UsageError(f"Swarm has no option {min(unknown)!r}")
    given = premises.get("plant")
    plant = Plant(engine=premises.get("engine", "ray" if durable else "local")) if given is None else given
    if not isinstance(plant, Plant):
        raise UsageError(f"plant is {plant!r:.40}; give a Plant, for example Plant(hosts=2)")
    if plant.engine not in get_args(EngineName):
        raise UsageError(f"there is no engine {plant.engine!r:.40}; use 'ray' or 'local'")
    if type(plant.shards) is not int or not 1 <= plant.shards <= MOST_SHARDS:
        raise UsageError(f"shards is {plant.shards!r:.40}; give a whole number from 1 to {MOST_SHARDS}")
    if type(plant.hosts) is not int or not 0 <= plant.hosts <= MOST_HOSTS:
        raise UsageError(f"hosts is {plant.hosts!r:.40}; give a whole number from 0, which chooses, to {MOST_HOSTS:,}")
    return plant
