"""Opens a volatile host from plain configuration: imports its classes, makes its parts, and sets its stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from stigmergy.actors.ending import UNHEARD, warn_of
from stigmergy.actors.ensemble.conductor import Conductor, playing
from stigmergy.actors.ensemble.ensemble import Ensemble
from stigmergy.actors.ensemble.member import Member
from stigmergy.actors.mesh.bodies import Bodies
from stigmergy.actors.mesh.mesh import Mesh
from stigmergy.actors.volatile.acts import Acts
from stigmergy.actors.volatile.allowance import Purse
from stigmergy.actors.volatile.course import Solo
from stigmergy.actors.volatile.crowd import Crowd
from stigmergy.actors.volatile.guard import Guard
from stigmergy.actors.volatile.host import Host
from stigmergy.actors.volatile.line import Line
from stigmergy.actors.volatile.office import Office
from stigmergy.actors.volatile.round_line import RoundLine, RoundTurnLine
from stigmergy.actors.volatile.rounds import Rounds
from stigmergy.actors.volatile.service import VolatileService
from stigmergy.actors.volatile.slot import Slot
from stigmergy.actors.volatile.sorting import Sorting
from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.protocols.budget import Budget
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.message import Done, Message, Text

from ..context import Means
from ..farewell import stop_all
from ..logs import LogFile
from ..luggage import Luggage
from ..thinking import ModelSpec, Thinking
from ..troupe import Troupe, open_paths, troupe_of
from .cast import part_of
from .context import VolatileContext
from .round_context import RoundContext
from .stage import Stage


def open_host(config: dict[str, Any]) -> VolatileService:
    """Build the service from ``kinds``, ``paths``, ``models``, ``seed``, ``birth``, ``logs``, ``name``, ``limits``...

    Raises: UsageError.
    """
    luggage = Luggage(config.get("luggage", ()))
    open_paths(luggage.folders or config["paths"])
    logs = LogFile(Path(config["logs"]) / f"{config['name']}.jsonl" if config.get("logs") else None)
    log = logs.logger(host=config["name"])
    models = {role: ModelSpec.from_plain(spec) for role, spec in config.get("models", {}).items()}
    thinking = Thinking(models, time.time(), log)
    lockstep = config["clock"] == "lockstep"
    line = RoundLine(config["name"]) if lockstep else Line(config["name"])
    purse = Purse(config["name"], line.ledger)
    stage = Stage(config["name"], line, log, config["seed"])
    troupes = [troupe_of(spec) for spec in map(KindSpec.from_plain, config["kinds"])]
    stage.means = {troupe.spec.name: Means(thinking, troupe.tools, config["birth"]) for troupe in troupes}
    parts = {troupe.spec.name: part_of(troupe, purse, log) for troupe in troupes}
    limits = replace(LoopLimits.simulation() if lockstep else LoopLimits(), **config["limits"])
    office = Sorting if lockstep else Office
    host = Host(parts, Guard(limits), purse, line, lambda turn: VolatileContext(turn, stage), office)
    crowd = Crowd({account: Budget.from_plain(plain) for account, plain in config.get("budgets", {}).items()})
    if crowd:
        host.office.crowd = crowd

    async def close() -> None:
        slots = [place for place in host.places.values() if type(place) is Slot and place.part.stop is not None]
        late = await stop_all((slot.agent for slot in slots if slot.agent is not None), log)
        await thinking.close()
        logs.close()
        luggage.close()
        warn_of(late, UNHEARD)

    service = VolatileService(config["name"], host, line, config["run"], close)
    bodies = Bodies(_messages(troupes)) if config.get("mesh") else None
    if isinstance(line, RoundLine):
        _go_by_rounds(service, line, stage, bodies)
    elif bodies is not None:
        host.mesh = Mesh(host, config["name"], bodies)
    return service


def _go_by_rounds(service: VolatileService, line: RoundLine, stage: Stage, bodies: Bodies | None) -> None:
    """Let a host live in virtual time, with other hosts if there are ``bodies`` to send."""
    host, office = service.host, service.host.office
    if not isinstance(office, Sorting):
        raise TypeError("rounds need an office that sorts")
    acts = line.acts = Acts(host)
    rounds = Rounds(host, office, acts, lambda turn, office: RoundContext(turn, stage, office))
    stage.time = rounds.time
    stage.line_of = lambda turn: RoundTurnLine(line, turn, rounds.time)
    if bodies is None:
        service.course = Solo(rounds, line)
        return
    ensemble = Ensemble(host, office, service.name, bodies)
    host.mesh = ensemble
    if ensemble.conducts:
        service.course = Conductor(rounds, ensemble, line)
        line.playing = playing.get
    else:
        line.playing = lambda: rounds.number
        service.fault = Member(rounds, ensemble, line).fault


def _messages(troupes: list[Troupe]) -> Iterator[type[Message]]:
    """Every class of message that agents of these kinds take, answer with, or say that they send."""
    yield from (Done, Text)
    for troupe in troupes:
        for handler in troupe.handlers.values():
            yield handler.accepts
            if handler.returns is not None:
                yield handler.returns
        yield from troupe.cls.emits
