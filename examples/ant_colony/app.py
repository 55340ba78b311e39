"""The app: lets colonies live, one for each seed, and compares what they found with the optimum."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from stigmergy.protocols import UsageError
from stigmergy.runtime.app import App, Options, Outcome, Stage

from .colony import Result, live
from .oliver30 import OPTIMUM
from .picture import draw
from .summary import figures, tables


class ColonyOptions(Options):
    """What can be chosen."""

    cycles: int = Field(default=250, ge=1, le=100_000, description="Tours of every ant")
    ants: int = Field(default=10, ge=2, le=1_000, description="Ants of a colony")
    pheromone: Literal["on", "off"] = Field(default="on", description="off: no trail is laid and none is read")
    seeds: int = Field(default=1, ge=1, le=10_000, description="Colonies, one after another: seed, seed + 1, ...")
    picture: Path | None = Field(default=None, description="Draw the best tour and the trail to this file (SVG)")


async def main(options: ColonyOptions, stage: Stage) -> Outcome:
    """Run the colonies. Raises: UsageError."""
    if options.picture is not None:
        _check_writable(options.picture)
    settings = {"ants": options.ants, "cycles": options.cycles, "pheromone": options.pheromone == "on"}
    results: list[Result] = []
    while len(results) < options.seeds and _ended_well(results, options.cycles):
        before, seed = len(results) * options.cycles, stage.seed + len(results)

        def watch(cycle: int, before: int = before, seed: int = seed) -> None:
            stage.progress(before + cycle, options.seeds * options.cycles, f"cycles, seed {seed}")

        results.append(await live(stage, seed, settings, watch))
    return _outcome(results, options)


def _outcome(results: list[Result], options: ColonyOptions) -> Outcome:
    last = results[-1].figures
    stop = "done" if _ended_well(results, options.cycles) else last.stop_reason or "loop"
    report = {
        "ants": options.ants,
        "cycles": options.cycles,
        "pheromone": options.pheromone,
        **figures(results, options.cycles),
        "stop_reason": stop,
        "journal": last.journal,
    }
    notes = [f"stopped early: {last.stop_text or 'the conversation was quarantined'}"] if stop != "done" else []
    best = min(results, key=lambda result: result.length)
    if options.picture is not None and best.tour:
        report["picture"] = str(options.picture)
        title = f"{best.length:.4f}, the optimum is {OPTIMUM:.4f}"
        subtitle = f"{options.ants} ants, {best.cycle} cycles, pheromone {options.pheromone}, seed {best.seed}"
        options.picture.write_text(draw(best.tour, best.trail, title, subtitle), encoding="utf-8")
        notes.append(f"picture: {options.picture}")
    return Outcome(report, tables(results, options.cycles), tuple(notes), stop)


def _ended_well(results: list[Result], cycles: int) -> bool:
    return not results or results[-1].cycle == cycles


def _check_writable(picture: Path) -> None:
    """Find out before the work, not after it. Raises: UsageError."""
    folder = picture.absolute().parent
    if picture.is_dir() or not os.access(picture if picture.exists() else folder, os.W_OK):
        raise UsageError(f"cannot write the picture {picture}: choose a file in a folder that exists and is yours")


app = App(
    name="ant_colony",
    summary="Ants look for the shortest round trip through 30 cities; nobody directs them",
    options=ColonyOptions,
    main=main,
)
