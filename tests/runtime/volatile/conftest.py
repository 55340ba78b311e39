"""Fixtures for swarms without a journal."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stigmergy.actors.transport.processes import LocalProcess


@pytest.fixture
def at_once(monkeypatch):
    """Hosts that die are missed at once and replaced without waiting: what is drawn for the wait is the least."""
    monkeypatch.setattr("stigmergy.runtime.shepherd.LOOK_S", 0.01)
    monkeypatch.setattr("stigmergy.runtime.blueprint.random", SimpleNamespace(random=lambda: 0.0))


@pytest.fixture
def processes(monkeypatch):
    """The processes of a swarm on the local engine, by name."""
    made = {}

    class Kept(LocalProcess):
        def __init__(self, name):
            super().__init__(name)
            made[name] = self
            self.calls = 0

        async def receive(self, data):
            self.calls += 1
            return await super().receive(data)

    monkeypatch.setattr("stigmergy.runtime.engines.LocalProcess", Kept)
    return made
