"""The checker of one round: three witnesses, the journal, the clients and the model server, must tell one story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stigmergy.actors.journal import SqliteJournal
from stigmergy.protocols import StigmergyError

from .checks_letters import (
    check_acks,
    check_dead_letters,
    check_letters,
    check_lives,
    check_order,
    check_pids,
    check_topics,
)
from .checks_money import check_calls, check_ledger
from .checks_shards import check_grants, check_parcels
from .checks_work import check_bank, check_colony, check_colony_run, check_counter, check_desk
from .entries import Event, Row, events_of, journals_in, rows_of
from .history import Line, load, of_kind
from .recovery import recoveries
from .violations import Violation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one round came to."""

    name: str
    workload: str
    faults: Counter[str]
    violations: list[Violation]
    recovery: dict[str, list[float]] = field(default_factory=dict)
    acks: int = 0
    turns: int = 0


def check_round(folder: Path, calls: list[Line], colony: Line) -> Verdict:
    """Judge a round by its folder, the server's log, and what a colony finds when nothing goes wrong."""
    history = load(folder / "history.jsonl")
    plan = of_kind(history, "plan")[0]
    faults = Counter(line["fault"] for line in of_kind(history, "fault"))
    found = [Violation("failed", f"{line['kind']}: {_text(line)}") for line in history if line["kind"] in _BAD]
    verdict = Verdict(plan["name"], plan["workload"], faults, found, acks=len(of_kind(history, "ok")))
    journals = journals_in(folder)
    if len(journals) != plan.get("shards", 1) or len({journal.parent for journal in journals}) != 1:
        found.append(Violation("failed", f"{len(journals)} journals in {folder}"))
        return verdict
    for journal in journals:
        damage = _damage(journal)
        if damage:
            found.append(Violation("lost", f"{journal.name} is damaged: {damage}"))
            return verdict
    shards = [rows_of(journal) for journal in journals]
    found.extend(_of_run(shards, history, calls))
    events = [event for rows in shards for event in events_of(rows)]
    for audit in of_kind(history, "audit"):
        found.extend(_of_workload(plan["workload"], events, history, audit, colony))
    verdict.recovery.update(recoveries(shards, history))
    turns = sum(event.what == "done" for event in events)
    return Verdict(verdict.name, verdict.workload, faults, found, verdict.recovery, verdict.acks, turns)


def _of_run(shards: list[list[Row]], history: list[Line], calls: list[Line]) -> Iterator[Violation]:
    """What holds for each journal by itself, and what for all of them together. The ledger is in the first."""
    for rows in shards:
        events = list(events_of(rows))
        yield from check_lives(rows)
        yield from check_letters(rows, events, history)
        yield from check_pids(rows, events, history)
        yield from check_order(events)
        yield from check_topics(rows)
        yield from check_dead_letters(rows, events)
    yield from check_acks([event for rows in shards for event in events_of(rows)], history)
    yield from check_ledger(shards[0])
    yield from check_calls(sorted((row for rows in shards for row in rows), key=lambda row: row.at), calls)
    yield from check_parcels(shards, history)
    yield from check_grants(shards)


_BAD = frozenset({"crashed", "stuck", "stopped"})


def _text(line: Line) -> Any:
    return line.get("error") or line.get("reason") or line.get("counts")


def _damage(journal: Path) -> str:
    try:
        SqliteJournal.open_readonly(journal).close()
    except StigmergyError as error:
        return str(error)
    return ""


def _of_workload(workload: str, events: list[Event], history: list[Line], audit: Line, colony: Line) -> list[Violation]:
    match workload:
        case "bank":
            return list(check_bank(events, audit))
        case "colony-cli":
            return list(check_colony_run(audit, colony))
        case "counter":
            return list(check_counter(history, audit))
        case "colony":
            return list(check_colony(audit, colony))
        case _:
            return list(check_desk(audit))
