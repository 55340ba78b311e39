"""The roster: the kinds of a swarm, their budgets, and the folders their classes are imported from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stigmergy.protocols.budget import Budget
from stigmergy.protocols.codec import check
from stigmergy.protocols.errors import UsageError, WireError
from stigmergy.protocols.kind import KindSpec

from .agent import Agent, describe
from .where import locate


class Roster:
    """Who takes part."""

    def __init__(self) -> None:
        self.kinds: dict[str, KindSpec] = {}
        self.budgets: dict[str, Budget] = {}
        self.paths: list[str] = []

    def add(
        self, cls: type[Agent], settings: Mapping[str, Any], budget: Budget | None, changes: dict[str, Any]
    ) -> None:
        """Add a kind. Raises: UsageError, InvalidName, InvalidCard."""
        module, path = locate(cls)
        if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
            raise UsageError(f"settings of {cls.__name__} is {settings!r:.60}; give a dict of plain data by name")
        for name, value in settings.items():
            _check_travels(cls, name, value)
        spec = describe(cls, module, dict(settings), **changes)
        if spec.name in self.kinds:
            raise UsageError(f"there is a kind {spec.name!r} already; add it with kind='another-name'")
        self.kinds[spec.name] = spec
        if path not in self.paths:
            self.paths.append(path)
        if budget is not None:
            self.budgets[spec.name] = budget


def _check_travels(cls: type[Agent], name: str, value: Any) -> None:
    try:
        check(value, f"settings[{name!r:.40}] of {cls.__name__} cannot go to a host")
    except WireError as why:
        raise UsageError(f"{why}; give plain data, such as a path, and make it in on_start") from None
