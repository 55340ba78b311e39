"""Every example in Python on a page of the documentation runs as it is pasted into a file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from stigmergy.runtime import Agent, Context

DOCS = Path(__file__).parents[1] / "docs"

EXAMPLES = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL), 1)
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs_as_it_is_pasted_and_prints_what_it_says(tmp_path, code, forker):
    (tmp_path / "pasted.py").write_text(code, encoding="utf-8")
    with forker.start(tmp_path, ["pasted.py"], strict=True) as ran:
        out, err = ran.communicate()
    assert (ran.returncode, err) == (0, "")
    assert bool(out) == ("print(" in code)


def test_the_page_on_agents_has_every_class_attribute_with_its_default():
    page = (DOCS / "agents.md").read_text(encoding="utf-8")
    section = page.partition("## What a class can say")[2].partition("## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| ", section, re.MULTILINE)
    assert {name for name, _ in rows} == {name for name in Agent.__annotations__ if not name.startswith("_")}
    plain = [row for row in rows if row[0] not in {"kind", "resources", "state"}]
    told = {name: ast.literal_eval(default.strip("`")) for name, default in plain}
    assert told == {name: getattr(Agent, name) for name in told}


def test_the_page_on_agents_has_everything_that_is_on_ctx():
    page = (DOCS / "agents.md").read_text(encoding="utf-8")
    assert [name for name in vars(Context) if name[0] != "_" and f"`ctx.{name}" not in page.replace("await ", "")] == []
