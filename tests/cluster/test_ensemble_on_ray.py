"""Rounds on hosts that are processes: the same run as in one."""

from __future__ import annotations

import pytest

from tests.runtime.volatile.village import life

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


@pytest.mark.parametrize("hosts", [1, 2])
async def test_a_village_lives_the_same_life_on_ray(hosts):
    assert await life(3, hosts, engine="ray") == await life(3, 1)
