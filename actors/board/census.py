"""The census: which hosts there are, as numbered views, ``[version, lives]``, told to everybody who looks."""

from __future__ import annotations

from typing import Any

from .machines import Machines


class Census:
    """The hosts of one shard, by their lives (``name.epoch``)."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines
        self._version = 0
        self._lookers: set[str] = set()

    def look(self, looker: str) -> list[Any]:
        """The view of this moment; from now on the looker is told of each change."""
        self._lookers.add(looker)
        return self._view()

    def joined(self, host: str, *, looks: bool) -> None:
        """A host has come, which may want to know of the others."""
        if looks:
            self._lookers.add(host)
        self._changed()

    def lost(self, host: str) -> None:
        """A host has gone."""
        self._lookers.discard(host)
        self._changed()

    def _changed(self) -> None:
        self._version += 1
        for looker in self._lookers:
            self._m.outbox.tell(looker, "hosts", self._view())

    def _view(self) -> list[Any]:
        return [self._version, sorted(self._m.incarnations.values())]
