"""From a file to rows with line numbers: CSV (comma, semicolon, tab or bar between the fields) and JSON lines.

The rule of this file: a fault of the file as a whole is a `UsageError` before the first row comes out; a fault of
one row is a `RejectedRow`, and the rows after it still come. Python's csv module is not used: its limit on the
length of a field is one for the whole process, and after a stray quotation mark it swallows the rows that follow.
"""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import UsageError

MAX_FILE: Final = 512 * 1024 * 1024
"""Bytes of a file, 512 MiB: it is read as a whole, so that nothing starts on a file that is broken at its end."""

MAX_REREAD: Final = 2_000_000
"""Lines that may be read again after stray quotation marks; a few seconds. Then the rest of the file is given up."""

_DELIMITERS: Final = ",;\t|"
_JSON_SUFFIXES: Final = {".jsonl", ".ndjson", ".json"}


class Row(NamedTuple):
    """One row: the line it begins on (from 1), and its values by column name in lower case."""

    line: int
    values: dict[str, Any]


class RejectedRow(NamedTuple):
    """A row that is no use: the line it begins on (from 1), and what is wrong with it."""

    line: int
    reason: str


def read_rows(path: Path, alternatives: Sequence[frozenset[str]]) -> Iterator[Row | RejectedRow]:
    """The rows of a file that has all columns of at least one of ``alternatives``.

    Raises: UsageError if the file is missing, unreadable, too large, empty, not UTF-8, or lacks those columns.
    """
    text = _read(path)
    # Universal newlines; str.splitlines would also break lines at form feeds and Unicode separators.
    lines = io.StringIO(text, newline=None).readlines()
    if path.suffix.lower() in _JSON_SUFFIXES or text.lstrip()[:1] == "{":
        rows = _json_rows(lines)
    else:
        start, delimiter, columns = _header(path, lines, alternatives)
        rows = _csv_rows(lines, start, delimiter, columns)
    ahead: list[Row | RejectedRow] = []
    for row in rows:
        ahead.append(row)
        if isinstance(row, Row) and any(needed <= row.values.keys() for needed in alternatives):
            return chain(ahead, rows)
    if not ahead:
        raise UsageError(f"{path} has column names but no rows; add a line for each ticket")
    if any(isinstance(row, Row) for row in ahead):
        raise UsageError(f"no line of {path} has {_wanted(alternatives)}; name the fields so")
    raise UsageError(f"{path} has no usable row; the first fault is in line {ahead[0].line}: {ahead[0][1]}")


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"cannot read {path}: it is not a file; name a CSV or JSONL file")
        if path.stat().st_size > MAX_FILE:
            raise UsageError(f"{path} is larger than {MAX_FILE // 1024**2} MiB; split it")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; name a CSV or JSONL file") from None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UsageError(f"{path} is UTF-16; save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start + (len(codecs.BOM_UTF8) if raw.startswith(codecs.BOM_UTF8) else 0)
        line = raw.count(b"\n", 0, start) + 1
        raise UsageError(f"{path} is not UTF-8: byte 0x{raw[start]:02x} in line {line}; save it as UTF-8") from None
    if not text.strip():
        raise UsageError(f"{path} is empty; give it a line of column names and a line for each ticket")
    return text


def _wanted(alternatives: Sequence[frozenset[str]]) -> str:
    return ", or ".join(" and ".join(sorted(needed, reverse=True)) for needed in alternatives)


class _Record(NamedTuple):
    fields: list[str] | None
    """None if a quotation mark was opened and not closed, or closed elsewhere than at the end of its field."""
    end: int
    """Index of the line after it."""


def _record(lines: Sequence[str], at: int, delimiter: str) -> _Record:
    """The fields of the record that begins at line index ``at`` (RFC 4180; a quoted field may span lines)."""
    fields: list[str] = []
    line, column, end = lines[at].rstrip("\n"), 0, at + 1
    while True:
        parts: list[str] = []
        if line.startswith('"', column):
            column += 1
            while (quote := line.find('"', column)) < 0 or line.startswith('"', quote + 1):
                if quote >= 0:
                    parts.append(line[column : quote + 1])
                    column = quote + 2
                elif end < len(lines):
                    parts += [line[column:], "\n"]
                    line, column, end = lines[end].rstrip("\n"), 0, end + 1
                else:
                    return _Record(None, end)
            parts.append(line[column:quote])
            column = quote + 1
            if column < len(line) and line[column] != delimiter:
                return _Record(None, end)
        stop = line.find(delimiter, column)
        parts.append(line[column:] if stop < 0 else line[column:stop])
        fields.append("".join(parts))
        if stop < 0:
            return _Record(fields, end)
        column = stop + 1


def _header(path: Path, lines: Sequence[str], alternatives: Sequence[frozenset[str]]) -> tuple[int, str, list[str]]:
    """Index of the first row, the delimiter, and the column names: whichever delimiter shows the columns needed."""
    first = next(i for i, line in enumerate(lines) if line.strip())
    for delimiter in _DELIMITERS:
        fields, end = _record(lines, first, delimiter)
        columns = [name.strip().casefold() for name in fields or []]
        if any(needed <= set(columns) for needed in alternatives):
            if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
                raise UsageError(f"{path} has two columns called {twice[0]!r}; rename one")
            return end, delimiter, columns
    shown = lines[first].strip()
    shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
    raise UsageError(f"{path} begins with {shown!r}; its first line must name the columns {_wanted(alternatives)}")


def _csv_rows(lines: Sequence[str], start: int, delimiter: str, columns: list[str]) -> Iterator[Row | RejectedRow]:
    at, reread = start, 0
    while at < len(lines):
        number = at + 1
        if not lines[at].strip():
            at += 1
            continue
        fields, end = _record(lines, at, delimiter)
        if fields is not None and len(fields) == len(columns):
            yield Row(number, dict(zip(columns, fields, strict=True)))
            at = end
            continue
        if fields is None or end > at + 1:
            yield RejectedRow(number, "a quotation mark is opened and not closed where it should be")
        else:
            yield RejectedRow(
                number, f"another number of fields ({len(fields)}) than the file has columns ({len(columns)})"
            )
        # Whatever a stray quotation mark seemed to enclose may be good rows: go on with the very next line.
        at, reread = at + 1, reread + end - at - 1
        if reread > MAX_REREAD:
            yield RejectedRow(at + 1, "this line and all after it: too many stray quotation marks before it")
            return


def _json_rows(lines: Sequence[str]) -> Iterator[Row | RejectedRow]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield RejectedRow(number, f"not JSON: {str(error).split(': line')[0]}")
            continue
        if isinstance(value, dict):
            yield Row(number, {str(name).strip().casefold(): field for name, field in value.items()})
        else:
            yield RejectedRow(number, "not a JSON object; write one object a line")
