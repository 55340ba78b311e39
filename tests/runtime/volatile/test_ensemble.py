"""Rounds on several hosts: the same seed is the same run, to the last bit, however many there are."""

from __future__ import annotations

import pytest

from stigmergy.actors.volatile import delivery

from .village import life


@pytest.mark.parametrize("seed", range(5))
async def test_a_village_lives_the_same_life_on_one_host_on_two_and_on_three(seed):
    alone = await life(seed, 1)
    assert await life(seed, 2) == alone
    assert await life(seed, 3) == alone


async def test_another_seed_is_another_life():
    assert await life(1, 2) != await life(2, 2)


async def test_letters_in_another_order_are_another_life(monkeypatch):
    alone = await life(3, 2)
    monkeypatch.setattr(delivery, "BY_SENDER", lambda letter: (-letter.number, letter.sender))
    assert await life(3, 2) != alone
