"""One Ray session for all tests of a file: starting it takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stigmergy.actors.transport.cluster import Cluster


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    """A Ray of our own; swarms that find one running join it and leave it running."""
    cluster = Cluster("local", cores=2)
    cluster.start()
    yield
    cluster.stop()
