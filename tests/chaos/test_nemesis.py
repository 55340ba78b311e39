"""The nemesis strikes hard, but never so that giving up would be right."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from . import nemesis as ours
from .nemesis import Nemesis
from .plan import MOST_KILLS, Fault


class Processes:
    """A swarm whose processes come back as soon as they are killed."""

    def __init__(self) -> None:
        self.lives = {"board": 1, "host-1": 1, "host-2": 1}
        self.killed: list[str] = []

    async def processes(self) -> dict[str, dict[str, Any]]:
        return {f"{name}.{life}": {"pid": 1_000 * (number + 1) + life} for number, (name, life) in self._numbered()}

    def kill(self, pid: int, sign: signal.Signals) -> None:
        assert sign is signal.SIGKILL
        name = list(self.lives)[pid // 1_000 - 1]
        self.killed.append(name)
        self.lives[name] += 1

    def _numbered(self):
        return enumerate(self.lives.items())


@pytest.mark.parametrize("pick", [0, 1])
async def test_no_host_is_ended_more_often_than_its_supervisor_forgives(pick, monkeypatch):
    swarm = Processes()
    monkeypatch.setattr(ours, "_signal", swarm.kill)
    history = SimpleNamespace(write=lambda *_, **__: None)
    nemesis = Nemesis(cast("Any", swarm), cast("Any", None), cast("Any", history))
    for _ in range(2 * MOST_KILLS):
        await nemesis._look()
        await nemesis._carry_out(Fault(0.0, "host.kill", pick))
    assert sorted(swarm.killed) == ["host-1"] * MOST_KILLS + ["host-2"] * MOST_KILLS
