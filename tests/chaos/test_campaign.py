"""A short campaign: two swarms at once, their hosts and their board killed and paused, and nothing lost."""

from __future__ import annotations

import pytest

from tests.depth import depth

from .campaign import Campaign, run

pytestmark = pytest.mark.ray


def test_a_seeded_campaign_of_faults_breaks_no_promise(tmp_path):
    said: list[str] = []
    # Each of these seeds kills hosts and the board of both swarms, and stops the boards: 13 times in all, or 18.
    seed = depth(55, 11)
    campaign = Campaign(
        seed=seed, seconds=30, folder=tmp_path, workloads=("counter", "bank"), rounds=1, rpc="sound", drivers=False
    )
    report = run(campaign, said.append)
    assert report.violations == [], said
    assert report.rounds == 2
    assert report.faults.total() >= depth(9, 12)
    assert report.acks > 50
