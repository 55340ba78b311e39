"""The report at the end: what happened to the tickets, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from stigmergy.runtime import SwarmReport
from stigmergy.runtime.app import Outcome, Table

from .desk import Results
from .policy import Reason
from .tickets import RejectedRow, Ticket


def outcome(
    tickets: Sequence[Ticket], rejected: Sequence[RejectedRow], results: Results, swarm: SwarmReport
) -> Outcome:
    """The report as data and as tables."""
    escalated = Counter(str(r.escalation.reason) for r in results.resolutions.values() if r.escalation is not None)
    answered = {name for name, r in results.resolutions.items() if r.escalation is None}
    stop = swarm.stop_reason or "done"
    report: dict[str, Any] = {
        "tickets": len(tickets) + len(rejected),
        "answered": len(answered),
        "escalated": {str(reason): escalated[reason] for reason in Reason if escalated[reason]},
        "rejected": len(rejected),
        "rejected_rows": [{"line": row.line, "reason": row.reason} for row in rejected],
        "untouched": len(tickets) - len(results.resolutions),
        "in_flight": len(results.begun) - len(results.resolutions),
        "agreement": _agreement(tickets, results, answered),
        "messages": swarm.messages,
        "model_calls": swarm.model_calls,
        "tokens": swarm.tokens,
        "usd": round(swarm.usd, 9),
        "latency_ms": _latency(results),
        "stop_reason": stop,
        "journal": swarm.journal,
    }
    tables, notes = _tables(report, results), _notes(report, swarm)
    return Outcome(report, tables, notes, warnings=_warnings(results), stop_reason=stop)


def _agreement(tickets: Sequence[Ticket], results: Results, answered: set[str]) -> float | None:
    """Share of the answered tickets whose category is the one that a person gave; None without labels."""
    judged = [
        results.resolutions[ticket.id].category == ticket.category
        for ticket in tickets
        if ticket.category is not None and ticket.id in answered
    ]
    return round(sum(judged) / len(judged), 4) if judged else None


def _latency(results: Results) -> dict[str, float | None]:
    times = sorted(results.seconds.values())
    if not times:
        return {"p50": None, "p95": None}
    return {name: round(1e3 * times[min(len(times) - 1, int(share * len(times)))], 1) for name, share in _SHARES}


_SHARES = (("p50", 0.50), ("p95", 0.95))


def _tables(report: dict[str, Any], results: Results) -> tuple[Table, ...]:
    handled = report["answered"] + sum(report["escalated"].values())
    usd = report["usd"]
    agreement, latency = report["agreement"], report["latency_ms"]
    rows = [
        ("tickets", f"{report['tickets']:,}"),
        ("answered", f"{report['answered']:,}"),
        ("handed to a person", f"{sum(report['escalated'].values()):,}"),
        *((f"   {reason.replace('_', ' ')}", f"{count:,}") for reason, count in report["escalated"].items()),
        ("rejected rows", f"{report['rejected']:,}"),
        *_left(report["untouched"], report["in_flight"]),
        ("agreement with labels", "-" if agreement is None else f"{agreement:.1%}"),
        ("messages", f"{report['messages']:,}"),
        ("model calls", f"{report['model_calls']:,}"),
        ("tokens", f"{report['tokens']:,}"),
        ("USD", f"{usd:.4f}"),
        ("USD per ticket", f"{usd / handled:.6f}" if handled else "-"),
        ("latency p50 / p95", "-" if latency["p50"] is None else f"{latency['p50']:.0f} / {latency['p95']:.0f} ms"),
        ("stop reason", report["stop_reason"]),
    ]
    tables = [Table("support desk", ("", ""), tuple(rows))]
    escalations = [r.escalation for r in results.resolutions.values() if r.escalation is not None]
    if escalations:
        first = tuple((str(e.reason).replace("_", " "), e.summary) for e in escalations[:_SHOWN])
        more = f" (the first {_SHOWN} of {len(escalations):,})" if len(escalations) > _SHOWN else ""
        tables.append(Table(f"for a person{more}", ("why", "report"), first))
    if report["rejected_rows"]:
        bad = tuple((str(row["line"]), row["reason"]) for row in report["rejected_rows"][:_SHOWN])
        tables.append(Table("rejected rows", ("line", "why"), bad))
    return tuple(tables)


def _left(without_outcome: int, in_flight: int) -> list[tuple[str, str]]:
    """What there was no time for; of a run that stopped early, apart from what it broke off."""
    if not in_flight:
        return [("untouched", f"{without_outcome:,}")]
    return [("untouched", f"{without_outcome - in_flight:,}"), ("begun, not finished", f"{in_flight:,}")]


_SHOWN = 12


def _notes(report: dict[str, Any], swarm: SwarmReport) -> tuple[str, ...]:
    notes = []
    if swarm.stop_text and report["stop_reason"] != "done":
        notes.append(f"stopped early: {swarm.stop_text}")
    return tuple(notes)


def _warnings(results: Results) -> tuple[str, ...]:
    """Tickets that a person has for no reason of their own, and the commonest cause."""
    reports = [r.escalation for r in results.resolutions.values() if r.escalation is not None]
    causes = Counter(cause for report in reports if report.reason == Reason.failure for cause in report.evidence[:1])
    if not causes:
        return ()
    count, (cause, _) = sum(causes.values()), *causes.most_common(1)
    tickets = "ticket went" if count == 1 else "tickets went"
    return (f"{count:,} of {len(results.resolutions):,} {tickets} to a person because an agent failed: {cause}",)
