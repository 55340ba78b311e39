"""``stigmergy inspect``: the figures of a run, from its journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from stigmergy.actors.journal.places import is_server
from stigmergy.protocols.budget import FIELDS, Spend, dimension_of, in_units

from ..history.activity import Party
from ..history.figures import Figures
from ..manifest import fault_of, manifest_of
from ..provenance import shown_owner
from ..run_folder import RunFolder
from .arguments import Parser
from .events import alert_line, verdict_line
from .finding import add_run, find_run, is_running, opened
from .records import plain, relative
from .render import console_for, table_for
from .text import clean, counted, cut, duration, first_line, milliseconds, usd, when
from .unbegun import state_of

MOST_AGENTS: Final = 10
"""Agents in the table; ``--json`` has them all."""

MOST_LISTED: Final = 20
"""Lines in the other tables."""


def inspect(argv: Sequence[str]) -> int:
    """Show a run; returns the exit code. Raises: UsageError."""
    parser = Parser("stigmergy inspect", "Shows the figures of a run: finished, killed or running.")
    add_run(parser)
    given = parser.parse_all(argv)
    run = find_run(given.run, given.runs)
    with opened(run, intact=given.intact) as journal:
        figures = Figures.of(journal.read())
        damage = journal.damage
    if given.json:
        sys.stdout.write(json.dumps(plain(_plain(run, figures, damage)), ensure_ascii=False) + "\n")
        return 0
    console = console_for(sys.stdout)
    for part in _parts(run, figures, damage):
        console.print(part, soft_wrap=isinstance(part, Text))
        if isinstance(part, Group):
            console.print()
    return 0


def _plain(run: RunFolder, figures: Figures, damage: str) -> dict[str, Any]:
    known = {name: value for name, value in run.read("run.json").items() if name != "figures"}
    return {"run": run.id, "journal": run.place, "damage": damage, "manifest": known, **figures.to_plain()}


def _parts(run: RunFolder, figures: Figures, damage: str) -> Iterator[RenderableType]:
    yield from _head(run, figures, damage)
    yield from _parties("kinds", figures, figures.kinds(), 0)
    agents = figures.agents()
    yield from _parties("busiest agents", figures, agents[:MOST_AGENTS], len(agents))
    yield from _accounts(figures)
    lines = [f"{when(alert.at)}  {alert_line(alert.alert._asdict())}" for alert in figures.money.alerts]
    yield from _lines("budget alerts", lines)
    yield from _lines("loop watchdog", [f"{when(one['at'])}  {verdict_line(one)}" for one in figures.verdicts])
    yield from _dead_letters(figures)
    yield from _hosts(figures)
    yield from _blackboard(figures)
    yield from _slowest(figures)


def _head(run: RunFolder, figures: Figures, damage: str) -> Iterator[RenderableType]:
    known, totals = manifest_of(run), figures.totals
    sound = "damaged" if damage else "sound"
    running = is_running(run)
    fault = fault_of(run)
    unknown = f"nobody knows how it ended: run.json {fault}" if fault else "killed"
    state = "running" if running else _end(known) if known.get("ended") else unknown
    if known and not running and not figures.has_begun and known.get("stop_reason") != "done":
        state = state_of(run, running=False)
    if figures.stop is not None:
        state = f"stopped ({figures.stop[0]}): {first_line(figures.stop[1])}"
    talks = counted(len(figures.talks.all), "conversation")
    made_with = f"run.json {fault}: restore it from a backup to know app, seed and engine, and to go on"
    if known:
        made = known.get("versions", {}).items()  # a script's swarm does not say
        versions = "; " * bool(made) + ", ".join(f"{name} {version}" for name, version in made if name != "platform")
        made_with = f"engine {known['engine']}, seed {known['seed']}{versions}"
    yield Text(f"{clean(shown_owner(known) or 'a run')}  {run.id}", style="bold")
    place = clean(run.place if is_server(run.place) else str(relative(Path(run.place))))
    facts = (
        state,
        f"began {when(figures.began)}, {duration(figures.ended - figures.began)} from first to last entry"
        if figures.entries
        else "nothing was written down",
        f"{counted(totals.messages, 'message')} in {talks}, {figures.open:,} still open",
        f"{counted(totals.model_calls, 'model call')}, {counted(totals.tokens, 'token')}, {usd(totals.nano_usd)} USD",
        f"journal {place}: {counted(figures.entries, 'entry', 'entries')}, {sound}",
        made_with,
    )
    for fact in facts:
        yield Text(f"  {fact}")
    yield Text("")


def _end(known: dict[str, Any]) -> str:
    """How a run ended whose journal does not say so: as its driver has written."""
    reason = clean(str(known.get("stop_reason") or "done"))
    return "ended" if reason == "done" else f"ended ({reason})"


def _parties(title: str, figures: Figures, parties: Sequence[Party], of: int) -> Iterator[RenderableType]:
    rows = []
    for p in parties:
        counts = (p.received, p.sent, p.turns, p.failures, p.retries, p.dead)
        latency = (milliseconds(p.percentile_ms(0.5)), milliseconds(p.percentile_ms(0.95)))
        rows.append((p.name, *(f"{count:,}" for count in counts), *latency))
    columns = ("", "in", "out", "turns", "failed", "retried", "dead", "p50", "p95")
    yield table_for(title, columns, rows, f"{of - len(rows):,} more; --json has them all" if of > len(rows) else "")
    spends = [(p.name, figures.spent(p)) for p in parties]
    costs = [
        (name, f"{spent.model_calls:,}", f"{spent.tool_calls:,}", f"{spent.tokens:,}", usd(spent.nano_usd))
        for name, spent in spends
        if spent.model_calls or spent.tool_calls or spent.nano_usd
    ]
    if costs:
        yield table_for(f"what the {title} cost", ("", "model calls", "tool calls", "tokens", "usd"), costs)


def _accounts(figures: Figures) -> Iterator[RenderableType]:
    rows = []
    for at in figures.money.accounts():
        for field in FIELDS:
            ceiling = getattr(at.ceiling, field)
            if ceiling is not None:
                used = [getattr(at.settled, field), getattr(at.reserved, field)]
                amounts = [f"{in_units(field, amount):,.6g}" for amount in (*used, ceiling)]
                rows.append((at.account, dimension_of(field).replace("_", " "), *amounts))
    if rows:
        yield table_for("accounts with a ceiling", ("account", "", "settled", "reserved", "ceiling"), rows)


def _dead_letters(figures: Figures) -> Iterator[RenderableType]:
    if not figures.dead:
        return
    rows = []
    for reason, count in figures.dead.most_common():
        for number, dead in enumerate(figures.examples[reason]):
            head = (reason, f"{count:,}") if number == 0 else ("", "")
            what = f"{dead.type} from {dead.sender} to {dead.to}" if dead.sender else f"{dead.type} of {dead.to}"
            rows.append((*head, what, first_line(dead.detail, 100), dead.conversation[:12]))
    yield table_for("dead letters, with examples", ("reason", "count", "message", "detail", "conversation"), rows)


def _hosts(figures: Figures) -> Iterator[RenderableType]:
    rows = [
        (
            life.host,
            ", ".join(life.kinds) or "all shared kinds",
            when(life.joined),
            "" if life.gone is None else when(life.gone),
            f"{life.attempts:,}",
            f"{life.lost:,}",
        )
        for life in figures.lives.all.values()
    ]
    if rows:
        yield table_for("hosts", ("host", "runs", "joined", "gone", "handed", "taken back"), rows)


def _blackboard(figures: Figures) -> Iterator[RenderableType]:
    board = figures.blackboard.to_plain()
    topics = [(t["topic"], f"{t['posts']:,}", cut(", ".join(t["followers"]), 60)) for t in board["topics"]]
    if topics:
        yield table_for("topics", ("topic", "posts", "followers"), topics[:MOST_LISTED], _more(topics))
    facts = board["facts"]
    if facts["writes"]:
        keys = cut(", ".join(map(clean, facts["listed"])), 120)
        yield from _lines("facts", [f"{counted(facts['keys'], 'key')}, {counted(facts['writes'], 'write')}: {keys}"])
    claims = [(c["queue"], *(f"{c[state]:,}" for state in ("ready", "taken", "done", "dead"))) for c in board["claims"]]
    if claims:
        columns = ("queue", "ready", "taken", "done", "dead")
        yield table_for("claims", columns, claims[:MOST_LISTED], _more(claims))
    trails = [(t["trail"], f"{t['keys']:,}", f"{t['writes']:,}") for t in board["trails"]]
    if trails:
        yield table_for("trails", ("trail", "keys", "writes"), trails[:MOST_LISTED], _more(trails))


def _slowest(figures: Figures) -> Iterator[RenderableType]:
    spent = figures.money.by_conversation()
    rows = [
        (talk.id[:12], f"{talk.type} to {talk.to}", f"{talk.messages:,}", duration(talk.seconds), _cost(spent, talk.id))
        for talk in figures.slowest()
    ]
    if rows:
        columns = ("conversation", "began with", "messages", "took", "usd")
        yield table_for("slowest conversations", columns, rows, "stigmergy trace RUN CONVERSATION shows one as a tree")


def _cost(spent: dict[str, Spend], conversation: str) -> str:
    return usd(spent[conversation].nano_usd) if conversation in spent else "0"


def _lines(title: str, lines: Sequence[str]) -> Iterator[RenderableType]:
    if lines:
        yield Text(title, style="bold")
        for line in lines[:MOST_LISTED]:
            yield Text(f"  {line}")
        if len(lines) > MOST_LISTED:
            yield Text(f"  {len(lines) - MOST_LISTED:,} more; --json has them all")
        yield Text("")


def _more(rows: Sequence[object]) -> str:
    return f"{len(rows) - MOST_LISTED:,} more; --json has them all" if len(rows) > MOST_LISTED else ""
