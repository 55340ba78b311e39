"""The command line in this process: what a shell would see of it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from stigmergy.runtime.cli import main
from tests.forking import Forker

from .killing import OFFICE


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr; there must be exactly one."""
        (line,) = self.err.splitlines()
        return line


Stigmergy = Callable[..., Ran]


@contextmanager
def inside(folder: Path) -> Iterator[Path]:
    """Be in a folder, and leave nothing of it in this process afterwards."""
    before, path = set(sys.modules), list(sys.path)
    with chdir(folder):
        yield folder
    sys.path[:] = path
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        if str(folder) in f"{getattr(module, '__file__', '')}{getattr(module, '__path__', '')}":
            del sys.modules[name]


@pytest.fixture
def place(tmp_path):
    """A folder to be in."""
    with inside(tmp_path):
        yield tmp_path


@pytest.fixture
def stigmergy(place, capfd) -> Stigmergy:
    """Run one command line there."""

    def run(*words: object) -> Ran:
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture
def app(place: Path) -> Callable[[str, str], str]:
    """Write an app: a folder of that name with an ``app.py``. Returns how a user would call it."""

    def write(name: str, text: str) -> str:
        folder = place / name
        folder.mkdir()
        (folder / "app.py").write_text(text, encoding="utf-8")
        return name

    return write


@pytest.fixture
def office(app, place):
    return app("office_" + place.name[-8:].replace("-", "_"), OFFICE)


def kill(forker: Forker, place: Path, at: int, *words: object) -> str:
    """Run a command line in a process that kills itself when its journal has so many entries; -n: just before that.

    Returns the run that it began.
    """
    before = set(place.glob("runs/*"))
    with forker.start(place, words, at=at) as process:
        _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err
    return min((folder.name for folder in set(place.glob("runs/*")) - before), default="")


@pytest.fixture
def killed(forker, place):
    """`kill` in this place."""
    return partial(kill, forker, place)
