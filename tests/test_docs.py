"""Every example in Python on a page of the documentation runs as it is pasted into a file."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"

EXAMPLES = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL), 1)
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs_as_it_is_pasted_and_prints_what_it_says(tmp_path, code):
    (tmp_path / "pasted.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-W", "error", "pasted.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert bool(ran.stdout) == ("print(" in code)
