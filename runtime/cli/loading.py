"""Loading: from what a user typed to an `App`.

An app is a folder with an ``app.py``, a ``.py`` file, or a module. Its parent goes on ``sys.path``,
so that its classes have an importable name, under which hosts find them.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import UsageError

from ..app import App
from .arguments import meant
from .text import first_line

ENTRY: Final = "app.py"


class Place(NamedTuple):
    """Where an app is."""

    module: str
    root: Path
    """What must be on ``sys.path`` for it."""
    file: Path | None
    """Its file, when the user named one."""


def load_app(name: str) -> App[Any]:
    """The app that a user means. Raises: UsageError in one line that names file and line."""
    place = find(name)
    root = str(place.root)
    if root not in sys.path:
        sys.path.insert(0, root)
    module = _import(place)
    app = getattr(module, "app", None)
    shown = getattr(module, "__file__", None) or place.module
    if app is None:
        raise UsageError(f"{shown} defines no app: end it with `app = App(name=..., options=..., main=...)`")
    if not isinstance(app, App):
        raise UsageError(f"`app` in {shown} is {type(app).__name__}, not App: write `app = App(name=..., ...)`")
    return app


def find(name: str) -> Place:
    """Where an app is, by the path or the module name that a user typed. Raises: UsageError."""
    path = Path(name)
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        if path.suffix != ".py":
            raise UsageError(f"{name} is not a Python file; an app is a folder with an {ENTRY}, a .py file or a module")
        return _in_file(path.absolute())
    if name.endswith(".py") or "/" in name or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"there is no app at {name}{_near(path)}: an app is a folder with an {ENTRY}, or a .py file")
    return Place(name, Path.cwd(), None)


def _in_folder(folder: Path) -> Place:
    folder = folder.absolute().resolve()
    file = folder / ENTRY
    if not file.is_file():
        raise UsageError(f"{folder} has no {ENTRY}{_near(folder / 'x')}: that is where an app says `app = App(...)`")
    if not folder.name.isidentifier():
        raise UsageError(f"the folder {folder.name!r} cannot be imported: rename it to letters, digits and _")
    return Place(f"{folder.name}.{file.stem}", folder.parent, file)


def _in_file(file: Path) -> Place:
    parts, root = [file.stem], file.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    if not all(part.isidentifier() for part in parts):
        raise UsageError(f"{file} cannot be imported: rename it to letters, digits and _")
    return Place(".".join(parts), root, file)


def _import(place: Place) -> ModuleType:
    try:
        module = importlib.import_module(place.module)
    except ModuleNotFoundError as why:
        if not why.name or not f"{place.module}.".startswith(f"{why.name}."):
            raise _broken(place, why) from why
        if place.file is None:
            raise UsageError(f"there is no app {place.module!r}: no such folder, file or module") from None
        raise _hidden(place, place.module.partition(".")[0]) from None
    except (Exception, SystemExit) as why:
        raise _broken(place, why) from why
    found = getattr(module, "__file__", None)
    if place.file is not None and (found is None or Path(found).resolve() != place.file.resolve()):
        raise _hidden(place, place.module)
    return module


def _hidden(place: Place, name: str) -> UsageError:
    """The error for an app whose name means something else already."""
    return UsageError(f"{place.file} cannot be imported, because another module is called {name!r}: rename it")


def _broken(place: Place, why: BaseException) -> UsageError:
    """The error for an app that cannot be imported: where in it, and what."""
    if isinstance(why, SyntaxError) and why.filename:
        return UsageError(f"{why.filename}:{why.lineno}: {type(why).__name__}: {why.msg}")
    where = str(place.file or place.module)
    for frame in _frames(why, place.root):
        where = f"{frame.filename}:{frame.lineno}"
    what = "it ends the process" if isinstance(why, SystemExit) else f"{type(why).__name__}: {first_line(str(why))}"
    return UsageError(f"{where}: {what}")


def _frames(why: BaseException, root: Path) -> Iterator[traceback.FrameSummary]:
    """The frames of an error that are in files below ``root``."""
    own = f"{root.resolve()}/"
    for frame in traceback.extract_tb(why.__traceback__):
        foreign = frame.filename.startswith("<") or "site-packages" in frame.filename
        if not foreign and str(Path(frame.filename).resolve()).startswith(own):
            yield frame


def _near(path: Path) -> str:
    """A suggestion: an app beside the one that was typed."""
    folder = path.parent
    apps = [str(file.parent) for file in folder.glob(f"*/{ENTRY}")] if folder.is_dir() else []
    return meant(str(path), apps) or (f" (apps here: {', '.join(sorted(apps)[:5])})" if apps else "")
