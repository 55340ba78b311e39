"""A Ray of our own, one for all files that a worker runs: starting it takes longer than most of the tests.

The rule of this file: swarms that find a Ray in their process join it and leave it running. So whoever joins another
cluster, or starts one, has ours stopped before.
"""

from __future__ import annotations

from stigmergy.actors.transport.cluster import Cluster


class OwnRay:
    """Runs from the first test that wants it until somebody wants none."""

    def __init__(self) -> None:
        self._running: Cluster | None = None

    def start(self) -> None:
        """Have one, with two cores."""
        if self._running is None:
            cluster = Cluster("local", cores=2)
            cluster.start()
            self._running = cluster

    def stop(self) -> None:
        """Have none."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()
