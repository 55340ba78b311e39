"""Where a class lives, so that another process can import it by name."""

from __future__ import annotations

import sys
from pathlib import Path

from stigmergy.protocols.errors import UsageError


def locate(cls: type) -> tuple[str, str]:
    """The importable module of a class, and the folder that must be on ``sys.path`` for it (empty: none).

    A class of a script that was started directly lives in ``__main__``; elsewhere the script goes by its file name.
    Raises: UsageError for classes made inside functions and in interactive sessions.
    """
    if "<locals>" in cls.__qualname__:
        raise UsageError(f"{cls.__qualname__} is defined inside a function; hosts can only import module-level classes")
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if file is None or file.startswith("<"):  # what is read from stdin calls itself so
        raise UsageError(f"{cls.__qualname__} has no file that a host could import; put it in a module")
    path = Path(file).absolute()
    if cls.__module__ == "__main__":
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.name != "__main__":
            name = spec.name.removesuffix(".__main__") if path.stem != "__main__" else spec.name
            return name, _root(path, spec.name)
        return path.stem, str(path.parent)
    return cls.__module__, _root(path, cls.__module__)


def _root(path: Path, module: str) -> str:
    """The folder from which ``module`` can be imported."""
    parts = module.split(".")
    depth = len(parts) - (0 if path.stem == "__init__" else 1)
    root = path.parent
    for _ in range(depth):
        root = root.parent
    return str(root)
