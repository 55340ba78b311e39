"""The blueprint: how the processes of a swarm are made, and what its boards must know before the first host starts."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from stigmergy.actors.clock import Clock
from stigmergy.actors.host.host import open_host as open_durable_host
from stigmergy.actors.journal.places import of_shard
from stigmergy.actors.ledger.paths import ROOT
from stigmergy.actors.transport.processes import Process
from stigmergy.actors.transport.services import build, named
from stigmergy.actors.volatile.service import VolatileService
from stigmergy.protocols.errors import UsageError

from .circle import GATE
from .client import Client
from .configuration import Configuration
from .engines import Engine
from .luggage import packed
from .performer import open_performer
from .roster import Roster
from .tenure import Tenure
from .volatile.opening import open_host as open_volatile_host

DURABLE: Final = named(open_durable_host)
VOLATILE: Final = named(open_volatile_host)
"""What opens a host. It is imported here, so that nobody waits for that when a swarm starts."""


class Blueprint(NamedTuple):
    """How a swarm's processes are made."""

    engine: Engine
    board: dict[str, Any]
    """What the board of each shard is opened with, besides its number."""
    host: dict[str, Any]
    """What every host is opened with, besides its kinds and its name."""
    hosts: int
    """Shared hosts."""
    roster: Roster
    on_event: Callable[[str, dict[str, Any]], None]
    clock: Clock
    draw: Callable[[], float]
    """Random numbers in [0, 1), for the waits between restarts."""

    @classmethod
    def of(
        cls,
        config: Configuration,
        tenure: Tenure | None,
        engine: Engine,
        roster: Roster,
        on_event: Callable[[str, dict[str, Any]], None],
    ) -> Blueprint:
        """That of a configuration; without a ``tenure`` nothing is kept."""
        plant = config.plant
        common = {"run": config.run, "clock": config.clock, "limits": dict(plant.limits)}
        board: dict[str, Any] = {"journal": "" if tenure is None else tenure.journal, "durability": plant.durability}
        if tenure is not None:
            board["began"] = tenure.began
        host = {
            "host": DURABLE if config.durable else VOLATILE,
            "mesh": plant.spread and not config.durable,
            "models": {role: spec.to_plain() for role, spec in config.models.items()},
            "seed": config.seed,
            "birth": secrets.token_hex(16) if tenure is None else tenure.birth,
            "budgets": {ROOT: config.budget.to_plain()},
            "idle": {"after_s": plant.idle_after_s, "live": plant.live_agents},
            "logs": "" if tenure is None else str(tenure.folder.logs),
        }
        hosts = plant.hosts or engine.hosts()
        return cls(engine, {**common, **board}, {**common, **host}, hosts, roster, on_event, Clock(), random.random)

    def board_of(self, shard: int, shards: int) -> dict[str, Any]:
        """What the board of a shard is opened with."""
        place = {"shard": shard, "shards": shards} if shards > 1 else {}
        return {**self.board, "journal": of_shard(self.board["journal"], shard), **place}

    def every_host(self, shards: int) -> dict[str, Any]:
        """What every host is opened with, besides its name."""
        kinds = [spec.to_plain() for spec in self.roster.kinds.values()]
        budgets = {f"{ROOT}/kind:{kind}": budget.to_plain() for kind, budget in self.roster.budgets.items()}
        return {
            "performer": named(open_performer),
            "kinds": kinds,
            "paths": self.roster.paths,
            "shards": shards,
            "luggage": [] if self.engine.shares_disk else packed(self.roster.paths),
            **self.host,
            "budgets": {**self.host.get("budgets", {}), **budgets},
        }


async def announce(roster: Roster, client: Client) -> None:
    """Let the boards know the kinds and budgets. Raises: UsageError when a resumed run has kinds that are not here."""
    missing = [kind for kind in await client.call("kinds") if kind not in roster.kinds]
    if missing:
        raise UsageError(f"this run has the kinds {', '.join(missing)} already: add them before it is resumed")
    for spec in roster.kinds.values():
        await client.call("kind", spec.to_plain())
    for kind, budget in roster.budgets.items():
        await client.call("ledger", ["open", f"{ROOT}/kind:{kind}", budget.to_plain()])


async def open_gate(board: Process, config: dict[str, Any]) -> VolatileService:
    """The driver's own host: without agents, it is how messages from outside reach those of others."""
    gate = build(config["host"], {**config, "name": GATE})
    if not isinstance(gate, VolatileService):
        raise UsageError("only hosts without a journal know each other")
    await board.attach_driver(GATE, gate)
    gate.attach(board.name, board)
    return gate
