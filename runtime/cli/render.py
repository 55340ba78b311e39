"""Rendering: tables and lines on a console, for terminals and for pipes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from rich import box
from rich.console import Console, Group
from rich.table import Table as Grid
from rich.text import Text

from ..app import Table
from .text import clean

PIPE_WIDTH: Final = 200
"""Columns when nobody's terminal sets a width: whoever reads a pipe cuts lines for himself."""

_NUMBER: Final = re.compile(r"-|[-+]?[\d,]+(\.\d+)?( ?(%|ms|s|min|h)( \d+ (s|min))?)?")


def console_for(stream: TextIO) -> Console:
    """A console that prints what it is given, without guessing at colours or markup."""
    wide = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, width=wide, highlight=False, markup=False, emoji=False)


def print_outcome(console: Console, tables: Iterable[Table], notes: Iterable[str]) -> None:
    """The tables of an app's outcome, and the lines below them."""
    for table in tables:
        console.print(table_for(table.title, table.columns, table.rows))
        console.print()
    for note in notes:
        console.print(clean(note), soft_wrap=True)


def table_for(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], footer: str = "") -> Group:
    """A table whose columns of numbers stand right, under its title and above a line of its own."""
    cells = [[clean(str(cell)) for cell in row] for row in rows]
    bare = not any(columns)
    table = Grid(
        box=None if bare else box.SIMPLE_HEAD,
        show_header=not bare,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        numeric = all(_is_number(row[number]) for row in cells)
        table.add_column(Text(clean(column)), justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    # Not rich's own title: that is wrapped to the width of the table.
    above = [Text(clean(title), style="bold")] if title else []
    return Group(*above, table, *([Text(clean(footer), style="dim")] if footer else []))


def _is_number(cell: str) -> bool:
    return not cell or _NUMBER.fullmatch(cell) is not None
