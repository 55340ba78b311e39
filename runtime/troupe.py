"""Troupes: the classes behind kinds, imported by name and ready to act."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from stigmergy.protocols.errors import UsageError
from stigmergy.protocols.kind import KindSpec

from .agent import Agent, Handler, handlers_of, older_handlers, state_class
from .tools import Toolbox


@dataclass(slots=True)
class Troupe:
    """One kind, ready to act."""

    cls: type[Agent]
    handlers: Mapping[str, Handler]
    state: type[BaseModel]
    spec: KindSpec
    tools: Toolbox


def open_paths(paths: Sequence[str]) -> None:
    """Make the folders of an app's classes importable."""
    for path in reversed(paths):
        if path not in sys.path:
            sys.path.insert(0, path)


def troupe_of(spec: KindSpec) -> Troupe:
    """The class of a kind, and its handlers. Raises: UsageError when it cannot be imported."""
    try:
        found: Any = importlib.import_module(spec.module)
        for name in spec.qualname.split("."):
            found = getattr(found, name)
    except (Exception, SystemExit, KeyboardInterrupt) as why:  # noqa: BLE001 - importing runs user code
        raise UsageError(
            f"kind {spec.name}: cannot import {spec.module}:{spec.qualname} on this host: {type(why).__name__}: {why}; "
            'a script that starts a swarm must do so below `if __name__ == "__main__":`'
        ) from None
    handlers, state = _read(found)
    return Troupe(found, handlers, state, spec, Toolbox(spec.name, found.tools))


@lru_cache(maxsize=1_000)
def _read(cls: Any) -> tuple[Mapping[str, Handler], type[BaseModel]]:
    """The handlers of a class by all that they take, and its state; worked out once: each host of each swarm asks."""
    handlers = handlers_of(cls)
    return MappingProxyType({**older_handlers(handlers), **handlers}), state_class(cls)
