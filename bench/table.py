"""The record for people: one line a row, and a loss is called a loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from rich.table import Table

from bench.results import Row

COLUMNS: Final[tuple[tuple[str, Literal["left", "right"]], ...]] = (
    ("row", "left"),
    ("housed", "left"),
    ("ours", "right"),
    ("peer", "right"),
    ("", "left"),
    ("ratio", "left"),
    ("outcome", "left"),
)


def table(rows: Sequence[Row]) -> Table:
    """All rows, in the order in which they were measured."""
    shown = Table(title="Medians; in brackets the worst and the best round", title_justify="left")
    for column, justify in COLUMNS:
        shown.add_column(column, justify=justify)
    for row in rows:
        cells = (f"{_figure(row.ours)} {row.unit}", _figure(row.peer), row.peer_name, _ratio(row), outcome(row))
        shown.add_row(row.name, row.ours_name, *cells, style="red" if row.won is False or row.met is False else "")
    return shown


def outcome(row: Row) -> str:
    """Who was ahead, and whether a promise was kept."""
    if row.ratio is None:
        return f"not measured: {row.error}"
    text = "ours" if row.alone else "ahead" if row.won else "LOSS"
    if row.bar is not None:
        text += f", bar {'>=' if row.better == 'higher' else '<='} {row.bar:g}"
    if row.limit is not None:
        text += f", limit {row.limit:g} {row.unit}"
    return text if row.met is None else f"{text} {'met' if row.met else 'MISSED'}"


def summary(rows: Sequence[Row]) -> str:
    """The whole record in a sentence."""
    ahead = sum(row.won is True for row in rows)
    behind = sum(row.won is False for row in rows)
    missing = sum(row.ratio is None for row in rows)
    bars = [row.met for row in rows if row.bar is not None or row.limit is not None]
    met = sum(bar is True for bar in bars)
    return (
        f"{len(rows)} rows: ahead in {ahead}, behind in {behind}, not measured {missing}; bars met {met} of {len(bars)}"
    )


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return "-"
    low, high = row.spread["ratio"]
    worst, best = (low, high) if row.better == "higher" else (high, low)
    return f"{row.ratio:.2f} \\[{worst:.2f}, {best:.2f}]"


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
