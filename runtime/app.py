"""Apps: what ``stigmergy run`` runs. A folder with an ``app.py`` that defines ``app = App(...)``.

An app declares its options as a pydantic model, which become flags of the command line (``route_only``
is ``--route-only``), and one coroutine that does the work on a `Stage`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from stigmergy.protocols.budget import Budget

from .aside import aside
from .plant import Plant
from .swarm import Swarm
from .thinking import ModelSpec

T = TypeVar("T")
OptionsT = TypeVar("OptionsT", bound=BaseModel)


class Options(BaseModel):
    """Base of an app's options. A field's description is its help."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an app came to."""

    report: dict[str, Any]
    """Plain data: the object that ``--json`` prints."""
    tables: tuple[Table, ...] = ()
    """The same for people."""
    notes: tuple[str, ...] = ()
    """Lines below the tables, such as the path of a picture."""
    stop_reason: str = "done"
    """``done``; or ``budget``, ``loop``, ``failure``, ``user``: then the result is partial."""
    warnings: tuple[str, ...] = ()
    """What people must not miss although it is done: a line each on stderr, and in the object of ``--json``."""


STARTING_RAY: Final = "starting Ray"
"""What is shown as being done until there is a host, or the app says more."""

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what is being done)."""


@dataclass(frozen=True)
class Stage:
    """What the command line decided, for an app to build its swarm with."""

    budget: Budget = field(default_factory=Budget)
    journal: str | None = None
    """Folder for run folders, or the URL of a PostgreSQL server; None keeps nothing."""
    plant: Plant = field(default_factory=Plant)
    seed: int = 0
    progress: Progress = lambda _done, _total, _text: None
    on_event: Callable[[str, dict[str, Any]], None] = lambda _name, _data: None
    on_swarm: Callable[[Swarm, int], None] = lambda _swarm, _seed: None
    """Called with every swarm that is made here, and its seed."""

    def swarm(self, *, models: Mapping[str, ModelSpec] | None = None, seed: int | None = None) -> Swarm:
        """A swarm as the command line wants it."""
        seed = self.seed if seed is None else seed
        if self.plant.engine == "ray" and self.plant.address == "local":
            self.progress(0, 0, STARTING_RAY)
        swarm = Swarm(
            budget=self.budget,
            journal=self.journal,
            seed=seed,
            models=models,
            plant=self.plant,
            on_event=self.on_event,
        )
        self.on_swarm(swarm, seed)
        return swarm

    async def aside(self, work: Callable[[], T]) -> T:
        """What a function returns that computes for long, in a thread of its own; Ctrl-C does not wait for it."""
        return await aside("app", work)


@dataclass(frozen=True)
class App(Generic[OptionsT]):
    """A program for a swarm."""

    name: str
    summary: str
    """One line for ``--help``."""
    options: type[OptionsT]
    main: Callable[[OptionsT, Stage], Awaitable[Outcome]]
    """Does the work. Bad input: raise UsageError before anything is written."""
