"""Tickets: what a customer wrote, and what else the file says about it.

The rule of this file: every row of a file comes out exactly once, as a ticket or as a rejected row.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from .rows import RejectedRow, Row, read_rows
from .schemas import Record

__all__ = ["MAX_NAME", "MAX_TEXT", "RejectedRow", "Ticket", "read_tickets"]

MAX_TEXT: Final = 20_000
"""Characters of a ticket. Nobody writes more; what is longer is a pasted file or an accident."""

MAX_NAME: Final = 200
"""Characters of an id, a category, a customer, a tier."""

_COLUMNS: Final = (frozenset({"text"}), frozenset({"subject", "body"}))


class _NotUsable(ValueError):
    """What is wrong with one row."""


class Ticket(Record):
    """One request. What the file does not say is None."""

    id: str
    line: int = Field(description="Line of the file on which it begins, from 1.")
    text: str
    category: str | None = Field(default=None, description="The label that a person gave it.")
    customer: str | None = None
    tier: str | None = Field(default=None, description="What the customer subscribes to, in lower case.")


def read_tickets(path: Path) -> Iterator[Ticket | RejectedRow]:
    """Tickets of a CSV or JSONL file with a column ``text``, or ``subject`` and ``body``.

    Optional columns: ``id`` (otherwise ``line-7``), ``category``, ``customer``, ``tier``. Faults of the file are
    raised by the call itself, not by the first ``next``.

    Raises: UsageError with one line that says what is wrong with the file and what to do.
    """
    return _tickets(read_rows(path, _COLUMNS))


def _tickets(rows: Iterator[Row | RejectedRow]) -> Iterator[Ticket | RejectedRow]:
    seen: dict[str, int] = {}
    for row in rows:
        ticket = row if isinstance(row, RejectedRow) else _ticket(row)
        if isinstance(ticket, Ticket) and (before := seen.setdefault(ticket.id, ticket.line)) != ticket.line:
            ticket = RejectedRow(ticket.line, f"its id {ticket.id!r} is that of line {before}")
        yield ticket


def _ticket(row: Row) -> Ticket | RejectedRow:
    try:
        text = _text(row.values)
        fields = {name: _short(row.values, name) for name in ("id", "category", "customer", "tier")}
    except _NotUsable as why:
        return RejectedRow(row.line, str(why))
    return Ticket(
        id=fields["id"] or f"line-{row.line}",
        line=row.line,
        text=text,
        category=fields["category"],
        customer=fields["customer"],
        tier=fields["tier"].lower() if fields["tier"] else None,
    )


def _text(values: dict[str, Any]) -> str:
    parts = [_string(values, name) for name in (("text",) if values.get("text") else ("subject", "body"))]
    text = "\n\n".join(part for part in parts if part)
    if not text:
        raise _NotUsable("it has no text")
    if len(text) > MAX_TEXT:
        raise _NotUsable(f"its text has {len(text):,} characters, more than {MAX_TEXT:,}")
    return text


def _short(values: dict[str, Any], name: str) -> str | None:
    value = _string(values, name)
    if len(value) > MAX_NAME:
        raise _NotUsable(f"its {name} has {len(value):,} characters, more than {MAX_NAME}")
    return value or None


def _string(values: dict[str, Any], name: str) -> str:
    """A field as stripped text; a number counts as text, nothing as no text."""
    value = values.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _NotUsable(f"its {name} is not text")
    text = str(value).strip()
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _NotUsable(f"its {name} holds half a character (a lone surrogate)")
    return text
