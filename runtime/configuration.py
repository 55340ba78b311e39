"""The configuration of a swarm: what it is made with, checked as a whole. It does not change while the swarm runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stigmergy.protocols.budget import Budget
from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.ids import derive_id

from .plant import Plant
from .thinking import ModelSpec

ClockName = Literal["live", "lockstep"]


@dataclass(frozen=True, slots=True)
class Configuration:
    """See `Swarm`, whose options these are."""

    budget: Budget
    journal: str | Path | None
    durable: bool
    clock: ClockName
    seed: int
    models: Mapping[str, ModelSpec]
    plant: Plant

    def __post_init__(self) -> None:
        """Check that these are valid, and go together. Raises: UsageError."""
        if type(self.seed) is not int or not 0 <= self.seed < 2**63:
            raise UsageError(f"seed is {self.seed!r:.40}; give a whole number from 0 to 2^63 - 1")
        if type(self.durable) is not bool:
            raise UsageError(f"durable is {self.durable!r:.40}; give True or False")
        where = self.journal
        if where is not None and (not isinstance(where, str | Path) or not str(where).strip() or "\0" in str(where)):
            named = "empty text" if str(where).strip() == "" else f"{where!r:.40}"
            raise UsageError(f"journal is {named}: give a folder or a URL, or None to keep nothing")
        for role, spec in self.models.items():
            if not isinstance(spec, ModelSpec):
                raise UsageError(f"the model {role!r:.40} is {spec!r:.40}; give a ModelSpec")
        if self.clock not in {"live", "lockstep"}:
            raise UsageError(f"there is no clock {self.clock!r:.40}; use 'live' or 'lockstep'")
        if self.clock == "lockstep" and self.durable:
            raise UsageError("rounds are for swarms without a journal: write Swarm(durable=False, clock='lockstep')")
        if self.journal is not None and not self.durable:
            raise UsageError("a swarm that is not durable keeps no journal: leave out journal= or durable=False")
        if self.plant.shards > 1 and not self.durable:
            raise UsageError("shards are parts of a journaled blackboard: a swarm with durable=False has none")
        self.check(self.budget)

    def check(self, budget: Budget, what: str = "budget") -> None:
        """Refuse a budget, of the swarm or a kind, with ceilings that nobody could hold here. Raises: UsageError."""
        if not isinstance(budget, Budget):
            raise UsageError(f"{what} is {budget!r:.40}; give a Budget, for example Budget(usd=0.80)")
        if budget.agents is None and budget.depth is None:
            return
        if self.plant.shards > 1:
            raise UsageError(
                "one board must see all agents to count them: leave out shards, or a budget's agents and depth"
            )
        if not self.durable and self.plant.spread:
            raise UsageError(
                "without a journal, agents are counted where all of them live on one host: write engine='local' with "
                "one host, or leave out durable=False, or a budget's agents and depth"
            )

    @property
    def run(self) -> str:
        """What the ids of this run are derived from: they are those of every run with this seed."""
        return derive_id("run", self.seed)

    def to_plain(self) -> dict[str, Any]:
        """What ``run.json`` says of it, so that the run can be gone on with."""
        return {"seed": self.seed, "budget": self.budget.to_plain(), **self.plant.to_plain()}
