"""The support desk as an app: ``stigmergy run examples/support_desk``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from stigmergy.protocols import UsageError
from stigmergy.runtime import App, ModelSpec, Stage, Swarm
from stigmergy.runtime.app import Options, Outcome
from stigmergy.runtime.settings import Settings

from .agents.lead import Lead
from .agents.librarian import Librarian
from .agents.person import PersonDesk
from .agents.quality import Quality
from .agents.router import Router
from .agents.specialist import Specialist
from .articles import load_articles
from .brains.router import Classifier
from .desk import work_off
from .report import outcome
from .tickets import RejectedRow, Ticket, read_tickets

DATA: Final = Path(__file__).parent / "data"

AT_ONCE: Final = {"rules": 64, "claude": 16}
"""Tickets in flight by default: rules wait for nothing, models for the provider."""


class DeskOptions(Options):
    """What the desk can be told."""

    input: Path = Field(DATA / "tickets.csv", description="tickets: CSV or JSONL with text, or subject and body")
    history: Path = Field(DATA / "history.csv", description="past tickets with labels: CSV or JSONL, text and category")
    articles: Path = Field(DATA / "articles", description="folder of help articles in Markdown")
    route_only: bool = Field(default=False, description="end each ticket at the hand-off to its specialist")
    brain: Literal["auto", "rules", "claude"] = Field("auto", description="who thinks; auto: Claude if a key is set")
    router_model: str = Field("claude-haiku-5-5", description="the model that routes")
    writer_model: str = Field("claude-sonnet-5-5", description="the model that writes and checks")
    model_timeout_s: float = Field(120.0, gt=0, description="how long one call of a model may take")
    at_once: int | None = Field(None, ge=1, le=1024, description="tickets in flight; 64 with rules, 16 with Claude")


async def main(options: DeskOptions, stage: Stage) -> Outcome:
    """Read everything, start the swarm, work off the tickets, report."""
    rows = list(read_tickets(options.input))
    tickets = [row for row in rows if isinstance(row, Ticket)]
    rejected = [row for row in rows if isinstance(row, RejectedRow)]
    if not options.route_only:
        load_articles(options.articles)
    brain = _brain(options)
    stage.progress(0, 0, "learning from past tickets")
    learn: Callable[[Path], Classifier | tuple[str, ...]] = _trained if brain == "rules" else _categories
    router = await stage.aside(lambda: learn(options.history))
    async with stage.swarm(models=_models(options) if brain == "claude" else {}) as swarm:
        with tempfile.TemporaryDirectory(prefix="desk-") as scratch:
            folder = swarm.folder.path if swarm.folder is not None else Path(scratch)
            _staff(swarm, options, _settings(options, router, folder / "router.npz"))
            await swarm.start()
            results = await work_off(swarm, tickets, options.at_once or AT_ONCE[brain], stage.progress)
            if swarm.stopped is not None:
                await swarm.drain()
            return outcome(tickets, rejected, results, await swarm.report())


def _brain(options: DeskOptions) -> Literal["rules", "claude"]:
    has_claude = Settings.from_env().has_claude
    if options.brain == "claude" and not has_claude:
        raise UsageError(
            "--brain claude needs ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL of a server; or use --brain rules"
        )
    if options.brain == "auto":
        return "claude" if has_claude else "rules"
    return options.brain


def _trained(history: Path) -> Classifier:
    """What the rules go by. Raises: UsageError."""
    from .brains.training import train  # noqa: PLC0415 - imports scikit-learn, which takes a second and only this needs

    return train(history)


def _categories(history: Path) -> tuple[str, ...]:
    """What a model may choose from: the labels of the past tickets. Raises: UsageError."""
    labels = {row.category for row in read_tickets(history) if isinstance(row, Ticket) and row.category}
    if not labels:
        raise UsageError(f"{history} holds no labelled ticket; give each row a text and a category")
    return tuple(sorted(labels))


def _settings(options: DeskOptions, router: Classifier | tuple[str, ...], path: Path) -> dict[str, Any]:
    """What the agents are told. A classifier travels as a file, since hosts are other processes."""
    if isinstance(router, Classifier):
        router.save(path)
    return {
        "brain": "rules" if isinstance(router, Classifier) else "claude",
        "route_only": options.route_only,
        "classifier": str(path),
        "categories": list(router.categories if isinstance(router, Classifier) else router),
        "articles": str(options.articles.absolute()),
        "model_timeout_s": options.model_timeout_s,
    }


def _models(options: DeskOptions) -> dict[str, ModelSpec]:
    return {
        "router": ModelSpec(options.router_model),
        "writer": ModelSpec(options.writer_model),
        "critic": ModelSpec(options.writer_model),
    }


def _staff(swarm: Swarm, options: DeskOptions, settings: dict[str, Any]) -> None:
    swarm.add(Lead, settings=settings)
    swarm.add(Router, settings=settings)
    swarm.add(Specialist, settings=settings)
    swarm.add(PersonDesk, settings=settings)
    if not options.route_only:
        swarm.add(Librarian, settings=settings)
        swarm.add(Quality, settings=settings)


app = App(
    name="support_desk",
    summary="A support desk staffed by agents: classify, search, draft, check, or hand to a person",
    options=DeskOptions,
    main=main,
)
