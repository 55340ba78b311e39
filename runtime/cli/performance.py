"""Performance: one app on its stage, from the first event to the last figure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from inspect import isawaitable
from typing import Any, NamedTuple

from stigmergy.protocols.errors import BudgetExhausted, StigmergyError, SwarmStopped

from ..aftermath import journaled
from ..app import STARTING_RAY, Outcome, Stage, Table
from ..closing import in_turn
from ..figures import SwarmReport
from ..swarm import Swarm
from .choices import Choices
from .exits import reason_of, telling
from .interrupts import Interrupts
from .records import Records
from .screen import Screen
from .text import counted


class Ending(NamedTuple):
    """How an app ended."""

    outcome: Outcome | None
    """What it handed in."""
    error: BaseException | None
    """What it raised instead."""
    reports: dict[str, SwarmReport]
    """The last figures of every swarm, by folder id; without a folder, by number."""
    late: bool = False
    """Something had happened before: what went wrong then is the app's fault, and no input's."""

    @property
    def reason(self) -> str:
        """``done``, or why the result is partial or missing."""
        if self.error is not None:
            reason = reason_of(telling(self.error))
            return "bug" if self.late and reason == "usage" else reason
        stated = "" if self.outcome is None else self.outcome.stop_reason
        stops = [report.stop_reason for report in self.reports.values() if report.stop_reason not in {"", "done"}]
        return stated if stated not in {"", "done"} else next(iter(stops), "done")

    @property
    def exhausted(self) -> str:
        """The dimension of the budget that was too small, if the app's error says so; else empty."""
        error = None if self.error is None else telling(self.error)
        return error.dimension if isinstance(error, BudgetExhausted) else ""

    @property
    def is_partial(self) -> bool:
        """Whether there are figures, and more was to come."""
        return bool(self.reports) and self.reason not in {"done", "usage"}

    @property
    def dead_letters(self) -> int:
        """Messages of all swarms that could not be delivered or handled."""
        return sum(map(dead_letters_of, self.reports.values()))

    @property
    def forfeited(self) -> int:
        """Calls of all swarms that may have been billed, and whose answers were lost."""
        return sum(report.forfeited for report in self.reports.values())

    @property
    def forfeited_tools(self) -> int:
        """Those of them that were calls of tools."""
        return sum(report.forfeited_tools for report in self.reports.values())

    @property
    def open_cases(self) -> int:
        """Turns of all swarms that wait for a person."""
        return sum(report.open_cases for report in self.reports.values())

    @property
    def text(self) -> str:
        """What the swarms said about why they stopped; empty when they did not."""
        return next((report.stop_text for report in self.reports.values() if report.stop_text), "")


class Shown:
    """What people see of an app on its stage; the start of Ray is over once a host is there."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._is_starting = False

    def progress(self, done: int, total: int, text: str) -> None:
        """See `Screen.progress`."""
        self._is_starting = text == STARTING_RAY
        self._screen.progress(done, total, text)

    def event(self, name: str, data: Mapping[str, Any]) -> None:
        """See `Screen.event`."""
        if name == "host_started" and self._is_starting:
            self.progress(0, 0, "at work")
        self._screen.event(name, data)


async def perform(choices: Choices, records: Records, screen: Screen, last_words: Callable[[str], None]) -> Ending:
    """Run the app to its end, to a budget's, or to the user's patience, which may leave time for ``last_words``."""
    shown = Shown(screen)
    stage = Stage(
        budget=choices.budget,
        journal=choices.journal,
        plant=choices.plant,
        seed=choices.seed,
        progress=shown.progress,
        on_event=shown.event,
        on_swarm=lambda swarm, _seed: records.add(swarm),
    )
    interrupts = Interrupts(lambda: records.swarms, screen.line, screen.close, last_words)
    app = asyncio.get_running_loop().create_task(_alive(_main(choices, stage)))
    outcome: Outcome | None = None
    error: BaseException | None = None
    try:
        with interrupts.watching(app):
            came_to = await app
        if isinstance(came_to, Outcome):
            outcome = came_to
        else:
            error = came_to
    except asyncio.CancelledError:
        error = SwarmStopped("interrupted", "user") if interrupts.count else None
        if error is None:
            raise
    except Exception as raised:  # noqa: BLE001 - told by the caller in one line
        error = raised
    finally:
        await in_turn(*(partial(_close, swarm) for swarm in records.swarms))
    return Ending(outcome, error, await _reports(records))


async def _close(swarm: Swarm) -> None:
    with suppress(StigmergyError):
        await swarm.close()


async def _alive(main: Awaitable[Outcome]) -> Outcome | BaseException:
    """What an app comes to, or what it raised that would end the loop beneath everybody."""
    try:
        return await main
    except (SystemExit, KeyboardInterrupt) as end:
        return end


async def _main(choices: Choices, stage: Stage) -> Outcome:
    working = choices.app.main(choices.options, stage)
    if not isawaitable(working):
        raise TypeError(f"main of {choices.app.name} is not async: write `async def main(options, stage)`")
    outcome = await working
    if not isinstance(outcome, Outcome):
        what = f"main of {choices.app.name} returned {type(outcome).__name__}, not Outcome"
        raise TypeError(f"{what}: end it with `return Outcome({{...}})`")
    return outcome


async def _reports(records: Records) -> dict[str, SwarmReport]:
    reports: dict[str, SwarmReport] = {}
    for number, swarm in enumerate(records.swarms):
        with suppress(StigmergyError):
            reports[str(number) if swarm.folder is None else swarm.folder.id] = await swarm.report()
    return reports


def cut_off(records: Records, why: str) -> Ending:
    """What the journals tell of a run that was ended at once, by ``Ctrl-C, twice``, say."""
    reports: dict[str, SwarmReport] = {}
    for folder in records.folders:
        with suppress(StigmergyError):
            reports[folder.id] = journaled(folder, "user", why)
    return Ending(None, SwarmStopped("interrupted", "user"), reports)


def partial_outcome(ending: Ending) -> Outcome:
    """What can be told when the app handed in nothing: the figures of its swarms."""
    reports = list(ending.reports.values())
    sums: dict[str, Any] = {
        "messages": sum(report.messages for report in reports),
        "model_calls": sum(report.model_calls for report in reports),
        "tokens": sum(report.tokens for report in reports),
        "usd": round(sum(report.usd for report in reports), 9),
        "dead_letters": ending.dead_letters,
    }
    if not all(report.is_known for report in reports):
        sums = dict.fromkeys(sums)
    rows = tuple((name.replace("_", " "), "-" if value is None else f"{value:,}") for name, value in sums.items())
    title = f"{counted(len(reports), 'swarm')}, when it stopped"
    return Outcome(sums, (Table(title, ("", ""), rows),), stop_reason=ending.reason)


def dead_letters_of(report: SwarmReport) -> int:
    """How many there are."""
    return sum((report.dead_letters or {}).values())
