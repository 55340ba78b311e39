"""Spares on a Ray that is not there: when they are made, who gets them, and that none is left behind."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from stigmergy.actors.transport import spares as module
from stigmergy.actors.transport.handles import RayProcess
from stigmergy.actors.transport.spares import Spares


class Yard:
    """Actors by number, those that were killed, and whether spares live."""

    def __init__(self) -> None:
        self.made = 0
        self.killed: list[Any] = []
        self.lives = True

    def actor_on(self, _node: str) -> int:
        self.made += 1
        return self.made

    def spare(self, actor: int, _modules: list[str]) -> Any:
        return SimpleNamespace(actor=actor, lives=self.lives)


@pytest.fixture
def yard(monkeypatch):
    found = Yard()
    monkeypatch.setattr(module, "SETTLED_S", 0.0)
    monkeypatch.setattr(module, "AFTER_S", 0.0)
    monkeypatch.setattr(module, "actor_on", found.actor_on)
    monkeypatch.setattr(module, "Spare", found.spare)
    monkeypatch.setattr(RayProcess, "kill", lambda process: found.killed.append(process.actor))
    return found


async def until_made(yard: Yard, number: int) -> None:
    async with asyncio.timeout(10):
        while yard.made < number:  # noqa: ASYNC110 - a timer makes them
            await asyncio.sleep(0)


async def test_who_needs_a_process_gets_the_spare_of_its_node_and_another_one_is_made(yard):
    spares = Spares(())
    assert spares.process("host-1", "here").actor == 1
    await until_made(yard, 2)
    assert spares.process("host-2", "there").actor == 3
    assert spares.process("host-3", "here").actor == 2
    await until_made(yard, 5)
    spares.close()
    assert sorted(yard.killed) == [4, 5]


async def test_a_spare_that_has_died_is_given_to_nobody(yard):
    yard.lives = False
    spares = Spares(())
    assert spares.process("host-1", "here").actor == 1
    await until_made(yard, 2)
    assert spares.process("host-2", "here").actor == 3
    spares.close()


async def test_once_closed_none_is_made_and_closing_again_ends_nothing(yard):
    spares = Spares(())
    _ = spares.process("host-1", "here")
    await until_made(yard, 2)
    _ = spares.process("host-2", "there")
    spares.close()
    spares.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert (yard.made, yard.killed) == (3, [2])


@pytest.mark.parametrize("is_up", [True, False])
async def test_a_process_of_a_ray_that_has_ended_needs_no_killing(monkeypatch, is_up):
    killed: list[str] = []
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: is_up, kill=killed.append))
    RayProcess("host-1", "actor").kill()
    assert killed == ["actor"] * is_up
