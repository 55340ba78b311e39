"""Hooks: a driver's functions that hear of events. What goes wrong in one cuts nobody off from the swarm."""

from __future__ import annotations

from typing import Any

import structlog

from stigmergy.protocols.errors import UsageError

from .client import EventHook


class Hooks:
    """All of one swarm, in the order in which they were given."""

    def __init__(self) -> None:
        self._hooks: list[EventHook] = []

    def add(self, hook: EventHook) -> None:
        """Tell this one too. Raises: UsageError."""
        if not callable(hook):
            raise UsageError(f"on_event is {hook!r:.40}; give a function that takes an event's name and its data")
        self._hooks.append(hook)

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Something has happened; an exception in a hook is logged."""
        for hook in self._hooks:
            try:
                hook(event, data)
            except Exception:  # noqa: BLE001 - it is the user's
                structlog.get_logger().exception("event_hook_failed", event_name=event)
