"""Rounds on hosts that are processes: the same run as in one, even when one of them is killed."""

from __future__ import annotations

import pytest

from tests.depth import depth
from tests.runtime.volatile.village import life

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


async def test_the_same_seed_is_the_same_life_in_one_process_on_ray_and_with_a_host_killed_in_the_middle(tmp_path):
    omen, lost = tmp_path / "omen", []

    def heard(event, data):
        if event == "host_lost":
            lost.append(data["host"])

    omen.touch()
    alone = await life(3, 1, omen=omen)
    assert await life(3, 2, engine="ray", omen=omen, on_event=heard) == alone
    assert lost == []
    for hosts in range(depth(2, 1), 3):
        omen.unlink()
        assert await life(3, hosts, engine="ray", omen=omen, on_event=heard) == alone
        assert omen.exists()
        assert {"host-1.1", "host-2.1"} >= set(lost)
        assert len(lost) == hosts
        lost.clear()
