"""How long a fault held up the work that it hit: until the first turn of it is committed by somebody else."""

from __future__ import annotations

from collections import defaultdict
from math import ceil

from .entries import Event, Row, events_of
from .history import Line, of_kind

OVERLAPPED = "overlapped"
"""Another process died before the work was done: how long that took says little about either."""

KINDS = {
    "host.kill": "killed",
    "host.stop": "hung",
    "board.kill": "board",
    "driver.kill": "driver",
    "driver.term": "driver",
    "driver.int": "driver",
}


def recoveries(shards: list[list[Row]], history: list[Line]) -> dict[str, list[float]]:
    """Seconds, by `KINDS` and ``process_start``. A host without work in flight does not count."""
    every = sorted((event for rows in shards for event in events_of(rows)), key=lambda event: event.at)
    found: defaultdict[str, list[float]] = defaultdict(list)
    found["process_start"] = [line["seconds"] for line in of_kind(history, "start")]
    faults = of_kind(history, "fault")
    for fault in faults:
        kind, at = fault["fault"], fault["at"]
        if kind not in KINDS:
            continue
        if kind.startswith("host."):
            end = _first_of_lost(every, fault["target"], at)
        else:
            rows = shards[int(fault["target"].partition("-")[2] or 0)] if kind.startswith("board.") else shards[0]
            end = _first_under_next_epoch(rows, list(events_of(rows)), at)
        if end is not None:
            again = any(at < other["at"] < end for other in faults if other["fault"] in KINDS)
            found[OVERLAPPED if again else KINDS[kind]].append(end - at)
    return dict(found)


def _first_of_lost(events: list[Event], host: str, at: float) -> float | None:
    lost = {event.letter for event in events if event.what == "lost" and event.host == host and event.at >= at - 1}
    return next((e.at for e in events if e.what in {"done", "dead"} and e.letter in lost and e.at >= at), None)


def _first_under_next_epoch(rows: list[Row], events: list[Event], at: float) -> float | None:
    before = max((row.epoch for row in rows if row.at <= at), default=0)
    return next((e.at for e in events if e.what == "done" and e.epoch > before and e.at >= at), None)


def percentile(values: list[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else None
