"""Installing from a clone, as `make` does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

LAYERS = ("protocols", "actors", "runtime")
ROOT = Path(__file__).resolve().parent.parent


def test_where_no_compiler_is_the_install_goes_through_and_leaves_the_compiled_modules_out(tmp_path):
    for layer in LAYERS:
        copytree(ROOT / layer, tmp_path / layer, ignore=ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "setup.py", "-q", "editable_wheel", "--mode", "strict", "--dist-dir", "dist"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "CC": "false"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert list(tmp_path.glob("dist/*.whl"))
    linked = {path.name for path in tmp_path.glob("build/__editable__*/stigmergy/protocols/*")}
    assert "plain.py" in linked
    assert not [name for name in linked if name.endswith((".so", ".pyd"))]
