"""The table of faults in docs/reliability.md names tests that are there, and says plainly where there is none."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
FAULTS = 43


class Row(NamedTuple):
    number: int
    level: str
    seen: str
    test: str


def rows() -> list[Row]:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return [Row(int(number), level, seen, test) for number, level, seen, test in found]


def named(cell: str) -> list[tuple[str, str]]:
    return re.findall(r"`([^`]+)::([^`]+)`", cell)


@cache
def declared_in(path: str) -> dict[str, bool]:
    """The tests of a file: whether each is for the night."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    all_night = any("nightly" in ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign))
    return {
        node.name: all_night or any("nightly" in ast.unparse(mark) for mark in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_fault_has_one_row():
    assert [row.number for row in rows()] == list(range(1, FAULTS + 1))


@pytest.mark.parametrize("row", rows(), ids=lambda row: str(row.number))
def test_a_row_names_tests_that_exist_or_says_not_yet(row: Row):
    assert set(row.level.split(", ")) <= {"S", "P", "R", "N", "-"}
    if row.level == "-":
        assert row.test == "not yet"
        assert "not yet" in row.seen
        return
    assert named(row.test)
    for path, name in named(row.test):
        assert name in declared_in(path), f"{path} has no {name}"
        night = f"`{path}::{name}` (nightly)" in row.test
        assert night == declared_in(path)[name], f"{name}: say (nightly) exactly where it is one"
