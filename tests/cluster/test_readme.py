"""What the README shows is what happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.ray
def test_the_first_python_example_runs_as_it_stands(tmp_path):
    code = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[0]
    script = tmp_path / "librarian.py"
    script.write_text(code, encoding="utf-8")
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "text='WHERE IS THE ATLAS?' asked_before=0\n", "")
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_every_link_to_a_file_leads_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (README.parent / target).exists()] == []


def test_the_app_of_the_readme_runs_from_the_command_line(tmp_path, forker):
    code = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    folder = tmp_path / "counter"
    folder.mkdir()
    (folder / "app.py").write_text(code, encoding="utf-8")
    words = ["run", "counter", "--engine", "local", "--json", "--text", "one two three"]
    with forker.start(tmp_path, words) as ran:
        out, err = ran.communicate()
    assert ran.returncode == 0, err
    report = json.loads(out)
    assert (report["words"], report["stop_reason"]) == (3, "done")
